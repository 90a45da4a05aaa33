import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { parseMetrics } from '../support/metrics.ts'
import { startRedis } from '../support/redis.ts'

const TOKEN = 'a-token-for-prometheus'
const LIST = readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8')

/** Everything that can be seen is seen: production, a real Redis, what is off by default on. */
const app = await startApp(t, {
  NODE_ENV: 'production',
  ISSUER: 'https://id.example.com',
  REDIS_URL: (await startRedis(t)).url,
  SMTP_URL: 'smtp://127.0.0.1:1',
  METRICS_TOKEN: TOKEN,
  PASSWORD_BREACH_CHECK: 'true',
  CAPTCHA_PROVIDER: 'turnstile',
  CAPTCHA_SITE_KEY: 'site',
  CAPTCHA_SECRET: 'secret'
})

/** Rows of the tables: name, type, labels. */
function documented() {
  const rows = [...LIST.matchAll(/^\| `(latchkey_\w+)` +\| (\w+) +\| ([^|]*?) *\|/gm)]
  return rows.map(([, name = '', type = '', labels = '']) => ({
    name,
    type,
    labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label!).sort()
  }))
}

void t.test(
  'the list in docs/metrics.md, against a scrape: the same series, types, labels',
  async (t) => {
    await app.get('/livez')
    const scraped = parseMetrics((await app.get('/metrics', TOKEN)).body)
    const listed = documented()
    t.strictSame(
      listed.map(({ name }) => name),
      [...new Set(listed.map(({ name }) => name))],
      'each once'
    )
    for (const { name, type, help } of scraped) {
      t.ok(help.length > 5, `${name} says what it is`)
      t.equal(listed.find((one) => one.name === name)?.type, type, `${name} is in the list`)
    }
    for (const { name, labels } of listed) {
      const series = scraped.find((one) => one.name === name)
      t.ok(series, `${name} is there`)
      if (series === undefined || series.samples.length === 0) continue
      const own = new Set(series.samples.flatMap((sample) => Object.keys(sample.labels)))
      t.strictSame(
        [...own].filter((label) => label !== 'le' && label !== 'quantile').sort(),
        labels,
        name
      )
    }
  }
)

void t.test('names, as Prometheus has them: units, and totals that count', async (t) => {
  const scraped = parseMetrics((await app.get('/metrics', TOKEN)).body)
  for (const { name, type } of scraped.filter((one) => !one.name.includes('_nodejs_'))) {
    t.match(name, /^latchkey_[a-z0-9_]+$/)
    if (type === 'counter') t.match(name, /_total$/, name)
    if (type === 'histogram') t.match(name, /_seconds$/, name)
    t.notMatch(name, /_(ms|millis|milliseconds|minutes|days|kb|mb)(_|$)/, name)
  }
  t.end()
})
