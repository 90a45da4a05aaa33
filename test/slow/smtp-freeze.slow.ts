// npm run test:slow: a mail server that is frozen for a whole minute under registrations.
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { freshEmail, PASSWORD } from '../support/builders.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { givenFolder } from '../support/folder.ts'
import { openDatabase } from '../support/raw-database.ts'
import { startServer } from '../support/server.ts'
import { startSmtpSink } from '../support/smtp-sink.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { timed } from '../support/timed.ts'

const FAST_MS = 500
const USUAL_MS = 15_000
const FROZEN_MS = 60_000
const CLIENTS = 2
/** What a client waits between two registrations: the hashes are not what this is about. */
const PAUSE_MS = 200
const ARRIVAL_MS = 120_000

void t.test(
  'a mail server frozen for a minute: registering answers in under 500 ms, every mail arrives once',
  async (t) => {
    const dataDir = await givenFolder(t)
    const { url } = await createTestDatabase(t)
    const database = await openDatabase(t, url)
    const sink = await startSmtpSink(t)
    const wire = await startTcpProxy(t, sink.url)
    const server = await startServer(t, {
      DATABASE_URL: url,
      DATA_DIR: dataDir,
      KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
      SMTP_URL: wire.url
    })
    const emails: string[] = []
    let times: number[] = []

    /** Registers one after the other for so long, from several clients. @returns how long each took, sorted */
    async function registerFor(durationMs: number): Promise<number[]> {
      times = []
      const until = performance.now() + durationMs
      const clients = Array.from({ length: CLIENTS }, async () => {
        while (performance.now() < until) {
          await registerOne()
          await delay(PAUSE_MS)
        }
      })
      await Promise.all(clients)
      return times.sort((a, b) => a - b)
    }

    async function registerOne(): Promise<void> {
      const email = freshEmail()
      const { result, tookMs } = await timed(() =>
        server.post('/auth/register', { email, password: PASSWORD })
      )
      t.equal(result.status, 201)
      emails.push(email)
      times.push(tookMs)
    }

    const usual = await registerFor(USUAL_MS)
    await eventually('the usual mails', () =>
      Promise.resolve(sink.messages.length === emails.length)
    )
    wire.stall()
    const frozen = await registerFor(FROZEN_MS)
    t.equal(sink.messages.length, usual.length, 'nothing got through')
    const { tookMs: arrivedMs } = await timed(async () => {
      await wire.restore()
      await eventually(
        'every mail',
        async () => {
          const rows = await database.sql('SELECT id FROM outbox_message WHERE sent_at IS NULL')
          return rows.length === 0
        },
        ARRIVAL_MS
      )
    })
    const arrived = emails.filter((email) => sink.to(email).length > 0).length
    const duplicates = sink.messages.length - arrived
    console.error(`usual:  ${told(usual)}`)
    console.error(`frozen: ${told(frozen)}`)
    console.error(
      `arrived ${arrived} of ${emails.length}, the last ${arrivedMs} ms after the thaw; duplicates ${duplicates}`
    )
    t.ok(at(frozen, 1) < FAST_MS, `never slower than ${FAST_MS} ms`)
    t.equal(arrived, emails.length)
    t.equal(duplicates, 0)
  }
)

/** @param sorted ascending */
function at(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

function told(sorted: number[]): string {
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => at(sorted, share))
  return `${sorted.length} registrations, p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`
}
