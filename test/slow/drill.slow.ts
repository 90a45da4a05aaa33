// npm run test:slow: `npm run keys -- drill`, from the throw-away Postgres to the exit code.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..', '..')

type Told = {
  algorithms: string[]
  tokens: number
  verifications: number
  keys: number
  failures: { reason: string }[]
}

/** A rotation of two rings, in the time that it takes. */
async function drill(...options: string[]) {
  const script = spawn(process.execPath, ['scripts/keys.ts', 'drill', '--json', ...options], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      SIGNING_ALGORITHMS: 'RS256,ES256',
      ACCESS_TOKEN_TTL_SECONDS: '900'
    },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const [told, complaints, [status]] = await Promise.all([
    text(script.stdout),
    text(script.stderr),
    once(script, 'exit') as Promise<[number | null]>
  ])
  return { status, told, complaints }
}

void t.test('a drill of a rotation: no token is refused, and it ends with 0', async (t) => {
  const { status, told, complaints } = await drill()
  const { algorithms, tokens, verifications, keys, failures } = JSON.parse(told) as Told
  t.strictSame(algorithms, ['RS256', 'ES256'])
  // A second is a minute there: on a machine that is busy a token may be shown after its end.
  const late = failures.filter(({ reason }) => reason === 'ERR_JWT_EXPIRED')
  t.strictSame(
    failures.filter((failure) => !late.includes(failure)),
    []
  )
  t.equal(status, late.length === 0 ? 0 : 1, complaints)
  t.ok(keys >= 4, `${keys} keys: an old and a new one of each ring`)
  t.ok(tokens >= 10 && verifications >= tokens, `${tokens} tokens, ${verifications} times`)
})

void t.test('a drill of an emergency: tells what it costs, and ends with 1', async (t) => {
  const { status, told, complaints } = await drill('--emergency')
  t.equal(status, 1, complaints + told)
  const { failures } = JSON.parse(told) as Told
  const isKeyGone = ({ reason }: { reason: string }) => reason !== 'ERR_JWT_EXPIRED'
  t.ok(failures.some(isKeyGone), 'tokens of the dropped keys are refused')
})
