// better-auth as its documentation wants it in production: a pool on Postgres, e-mail and password, its JWT plugin
// with RS256 of 2048 bits, rate limits on (and wide), no telemetry.
import { createServer } from 'node:http'
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { toNodeHandler } from 'better-auth/node'
import { jwt } from 'better-auth/plugins'
import pg from 'pg'

const { PORT, DATABASE_URL } = process.env
const origin = `http://127.0.0.1:${PORT}`

const options = {
  baseURL: origin,
  secret: 'a-secret-of-more-than-32-characters-for-the-bench',
  database: new pg.Pool({ connectionString: DATABASE_URL, max: 10 }),
  emailAndPassword: { enabled: true },
  rateLimit: {
    enabled: true,
    window: 60,
    max: 10_000_000,
    customRules: {
      '/sign-in/*': { window: 60, max: 10_000_000 },
      '/sign-up/*': { window: 60, max: 10_000_000 }
    }
  },
  telemetry: { enabled: false },
  plugins: [jwt({ jwks: { keyPairConfig: { alg: 'RS256', modulusLength: 2048 } } })]
}
const { runMigrations } = await getMigrations(options)
await runMigrations()
createServer(toNodeHandler(betterAuth(options))).listen(Number(PORT), '127.0.0.1', () => {
  process.send?.({ ready: true, origin })
})
process.on('disconnect', () => process.exit(0))
