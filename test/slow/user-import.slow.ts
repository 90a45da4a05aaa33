// npm run test:slow: an import of a hundred thousand people, killed in the middle and repeated (half a minute).
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { startApp, type TestApp } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import { startImport } from '../support/user-imports.ts'

const PEOPLE = 100_000
const MOST_MIB = 300

function* lines() {
  for (let index = 0; index < PEOPLE; index += 1) {
    yield `${JSON.stringify({
      email: `person.${index}@example.com`,
      email_verified: true,
      username: `person.${index}`,
      name: `Person ${index}`,
      surname: 'of the hundred thousand',
      phone_number: `+4930${String(index).padStart(7, '0')}`,
      locale: 'de',
      password_hash: `$2b$12$${String(index).padStart(53, 'x')}`
    })}\n`
  }
}

async function count({ sql }: TestApp): Promise<number> {
  const [row] = await sql<{ count: number }>('SELECT count(*)::int AS count FROM users')
  return row?.count ?? 0
}

void t.test(
  '100,000 people, killed in the middle and repeated: within 300 MiB, and everybody is there',
  { timeout: 600_000 },
  async (t) => {
    const app = await startApp(t)
    const file = join(t.testdir(), 'people.jsonl')
    await pipeline(Readable.from(lines()), createWriteStream(file))
    const first = startImport(app, file)
    await eventually('a third of them', async () => (await count(app)) > PEOPLE / 3)
    first.child.kill('SIGKILL')
    t.equal((await first.ended).code, null, 'it did not end by itself')
    const there = await count(app)
    t.ok(there < PEOPLE, `${there} are there`)
    for (const [what, expected] of [
      ['repeated', `${PEOPLE} lines, ${PEOPLE - there} new, ${there} already there, 0 bad.`],
      ['once more', `${PEOPLE} lines, 0 new, ${PEOPLE} already there, 0 bad.`]
    ] as const) {
      const startedAt = performance.now()
      const { code, output, peakMib } = await startImport(app, file).ended
      const figures = `${Math.round(performance.now() - startedAt)} ms, ${Math.round(peakMib)} MiB`
      console.error(`${what}, after ${there} at the kill: ${figures}`)
      t.equal(code, 0)
      t.match(output, expected)
      t.ok(peakMib < MOST_MIB, figures)
    }
    t.equal(await count(app), PEOPLE)
    const startedAt = performance.now()
    const { body } = await app.get('/metrics')
    t.match(body, /^latchkey_foreign_password_hashes \d{5,}$/m)
    t.ok(performance.now() - startedAt < 500, 'the gauge stops counting at ten thousand')
  }
)
