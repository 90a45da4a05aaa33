import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findCanaries } from '../support/database-dump.ts'
import { startOtlpReceiver } from '../support/otlp-receiver.ts'
import { startRedis } from '../support/redis.ts'
import { collect } from '../support/server.ts'
import type { Told } from './every-call.ts'

void t.test(
  'every route, called as people call it: no value of it in log, metrics, traces',
  async (t) => {
    const receiver = await startOtlpReceiver(t)
    const file = join(t.testdir({}), 'told.json')
    const child = spawn(process.execPath, [join(import.meta.dirname, 'every-call.ts'), file], {
      env: {
        ...process.env,
        REDIS_URL: (await startRedis(t)).url,
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url
      },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    t.teardown(() => child.kill('SIGKILL'))
    const output = collect(child)
    const [code] = (await once(child, 'close')) as [number | null]
    t.equal(code, 0, output().slice(-2_000))
    const { secrets, requests, metrics, uncalled } = JSON.parse(readFileSync(file, 'utf8')) as Told
    const lines = output()
      .split('\n')
      .filter((line) => line.includes('"msg":"request"'))
    const spans = receiver.spans().filter(({ name }) => / \//.test(name))
    t.strictSame(uncalled, [], 'every route is called')
    t.ok(secrets.length > 150, `${secrets.length} values`)
    t.ok(lines.length >= requests, `${lines.length} lines of ${requests} requests`)
    t.ok(spans.length > requests / 2, `${spans.length} spans`)
    const seen = { log: output(), metrics, traces: receiver.text() }
    const secretsByName = Object.fromEntries(secrets.map((one) => [one, one]))
    for (const [place, text] of Object.entries(seen)) {
      t.strictSame(findCanaries([{ place, forms: [text] }], secretsByName), [], place)
      const planted = { place, forms: [`${text}${secrets.at(-1)!}`] }
      t.equal(
        findCanaries([planted], secretsByName).length,
        1,
        `and it would be seen in the ${place}`
      )
    }
  }
)
