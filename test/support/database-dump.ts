import { createHash } from 'node:crypto'
import pg from 'pg'

/** One value of the database, in every form that a thief would look at. */
export type DumpedValue = { place: string; forms: string[] }

/** Every column of every row of every table there is, our own and the migrations' alike. */
export async function dumpDatabase(databaseUrl: string): Promise<DumpedValue[]> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    const columns = await client.query<{ schema: string; table: string; column: string }>(
      `SELECT table_schema AS schema, table_name AS table, column_name AS column
         FROM information_schema.columns
        WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
        ORDER BY table_schema, table_name, ordinal_position`
    )
    const dumped: DumpedValue[] = []
    for (const { schema, table, column } of columns.rows) {
      const values = await client.query<{ value: string | null }>(
        `SELECT "${column}"::text AS value FROM "${schema}"."${table}"`
      )
      for (const { value } of values.rows) {
        if (value !== null) dumped.push({ place: `${table}.${column}`, forms: formsOf(value) })
      }
    }
    return dumped
  } finally {
    await client.end()
  }
}

/** A bytea shows as `\x…` and is read as bytes too; so is text that looks like base64. */
function formsOf(value: string): string[] {
  const bytes = /^\\x([0-9a-f]*)$/.exec(value)?.[1]
  const decoded = Buffer.from(bytes ?? value, bytes === undefined ? 'base64' : 'hex')
  return [value, decoded.toString('latin1'), decoded.toString('utf8'), decoded.toString('utf16le')]
}

/** What must not be found, by its name. */
export type Canaries = Record<string, string | Buffer>

/** Where a canary stands, in the clear, in another case or encoding, or as a hash that anybody could try. */
export function findCanaries(dump: DumpedValue[], canaries: Canaries): string[] {
  const found = new Set<string>()
  for (const [name, canary] of Object.entries(canaries)) {
    const needles = needlesOf(canary)
    for (const { place, forms } of dump) {
      const texts = [...forms, ...forms.map((form) => form.toLowerCase())]
      if (needles.some((needle) => texts.some((text) => text.includes(needle)))) {
        found.add(`${name} in ${place}`)
      }
    }
  }
  return [...found].sort()
}

function needlesOf(canary: string | Buffer): string[] {
  const bytes = Buffer.isBuffer(canary) ? canary : Buffer.from(canary)
  // Without the last characters, which depend on what follows; a canary within longer base64 is not found.
  const base64 = [bytes.toString('base64'), bytes.toString('base64url')].map((text) =>
    text.slice(0, Math.floor(bytes.length / 3) * 4)
  )
  const plain = Buffer.isBuffer(canary)
    ? [bytes.toString('latin1')]
    : [
        canary,
        canary.toLowerCase(),
        encodeURIComponent(canary),
        JSON.stringify(canary).slice(1, -1)
      ]
  return [...plain, bytes.toString('hex'), ...base64].filter((needle) => needle.length >= 6)
}

/** What somebody finds who hashes a guess: no key, no salt. */
export function plainHashesOf(canaries: Record<string, string>): Canaries {
  const hashes: Canaries = {}
  for (const [name, canary] of Object.entries(canaries)) {
    for (const algorithm of ['md5', 'sha1', 'sha256', 'sha512']) {
      hashes[`${algorithm} of ${name}`] = createHash(algorithm).update(canary).digest()
    }
  }
  return hashes
}
