import { createHash } from 'node:crypto'

const FIRST_CAPACITY = 1_024
const EMPTY = 0n

/**
 * Which texts came by before, in 16 to 32 bytes for each: a million fit where their strings would not. Two
 * different ones are taken for one with a chance of 1 to 30 million among a million.
 */
export function createSeen() {
  let slots = new BigUint64Array(FIRST_CAPACITY)
  let count = 0

  /** Remembers a text. @returns whether it is new */
  function isNew(text: string): boolean {
    if (count * 2 >= slots.length) grow()
    const isAdded = put(slots, fingerprint(text))
    if (isAdded) count += 1
    return isAdded
  }

  function grow(): void {
    const larger = new BigUint64Array(slots.length * 2)
    for (const print of slots) if (print !== EMPTY) put(larger, print)
    slots = larger
  }

  return { isNew }
}

/** Open addressing: the next free slot, from where the print points to. */
function put(slots: BigUint64Array, print: bigint): boolean {
  let index = Number(print % BigInt(slots.length))
  while (slots[index] !== EMPTY) {
    if (slots[index] === print) return false
    index = (index + 1) % slots.length
  }
  slots[index] = print
  return true
}

function fingerprint(text: string): bigint {
  const print = createHash('sha256').update(text).digest().readBigUInt64LE()
  return print === EMPTY ? 1n : print
}
