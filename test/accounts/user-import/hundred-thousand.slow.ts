// npm test -- test/accounts/user-import/hundred-thousand.slow.ts   (half a minute; not part of npm test)
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { startApp } from '../../support/app.ts'
import { startImport } from '../../support/user-imports.ts'

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

void t.test(
  '100,000 people: within 300 MiB, and everybody is there',
  { timeout: 600_000 },
  async (t) => {
    const app = await startApp(t)
    const file = join(t.testdir(), 'people.jsonl')
    await pipeline(Readable.from(lines()), createWriteStream(file))
    for (const [what, expected] of [
      ['first run', `${PEOPLE} lines, ${PEOPLE} new, 0 already there, 0 bad.`],
      ['second run', `${PEOPLE} lines, 0 new, ${PEOPLE} already there, 0 bad.`]
    ] as const) {
      const startedAt = performance.now()
      const { code, output, peakMib } = await startImport(app, file).ended
      t.comment(
        `${what}: ${Math.round(performance.now() - startedAt)} ms, ${Math.round(peakMib)} MiB`
      )
      console.error(
        `${what}: ${Math.round(performance.now() - startedAt)} ms, ${Math.round(peakMib)} MiB`
      )
      t.equal(code, 0)
      t.match(output, expected)
      t.ok(peakMib < MOST_MIB, `${Math.round(peakMib)} MiB`)
    }
    const startedAt = performance.now()
    const { body } = await app.get('/metrics')
    t.match(body, /^latchkey_foreign_password_hashes \d{5,}$/m)
    t.ok(performance.now() - startedAt < 500, 'the gauge stops counting at ten thousand')
  }
)
