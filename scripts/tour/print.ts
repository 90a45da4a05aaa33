const WIDTH = 96

/** Field names whose values nobody should read over a shoulder or in a build log. */
const SECRET_FIELDS = ['password', 'token', 'access_token', 'refresh_token']

/** Enough to recognise a secret, too little to use it. */
export function shorten(secret: string): string {
  return `${secret.slice(0, Math.min(8, Math.floor(secret.length / 2)))}…`
}

/** JSON without its secrets: on one line where it fits, else a line for every field. */
export function printable(value: unknown): string {
  return layOut(JSON.parse(JSON.stringify(value, conceal)), '')
}

function conceal(key: string, value: unknown): unknown {
  return typeof value === 'string' && SECRET_FIELDS.includes(key) ? shorten(value) : value
}

function layOut(value: unknown, indent: string): string {
  const line = JSON.stringify(value)
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isObject || indent.length + line.length <= WIDTH) return line
  const deeper = `${indent}  `
  const fields = Object.entries(value).map(
    ([name, field]) => `${deeper}"${name}": ${layOut(field, deeper)}`
  )
  return `{\n${fields.join(',\n')}\n${indent}}`
}
