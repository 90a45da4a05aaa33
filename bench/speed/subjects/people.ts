let rounds = 0

/** Every round registers people of its own. */
export const nextDomain = () => `round-${rounds++}.example.com`

/** One for each of `count` people. */
export const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index))
