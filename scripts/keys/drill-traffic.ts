import { createRemoteJWKSet, decodeProtectedHeader, errors, jwtVerify } from 'jose'
import { setTimeout as delay } from 'node:timers/promises'
import type { SigningAlgorithm } from '../../src/signing/algorithm.ts'
import type { Stage } from './drill-stage.ts'

/** jose's own defaults, in the time of the stage. */
const CACHE_MS = 600_000
const COOLDOWN_MS = 30_000
/** Each token is verified when it is new, at half its life, and just before its end. */
const LOOKS = [0, 0.5, 0.93]
const PAUSE_MS = 100

/** A token that was refused although it was alive. */
export type Failure = { atMs: number; alg: string; kid: string; ageSeconds: number; reason: string }

type Token = {
  text: string
  alg: SigningAlgorithm
  issuedAtMs: number
  lifeMs: number
  looks: number
}

/** A service of each ring that fetches tokens all the time, and a verifier like everybody's who is shown them. */
export async function startTraffic(stage: Stage, speed: number) {
  const { issuer, signingAlgorithms } = stage.config
  const keySet = createRemoteJWKSet(new URL('/.well-known/jwks.json', issuer), {
    cacheMaxAge: CACHE_MS / speed,
    cooldownDuration: COOLDOWN_MS / speed
  })
  const services = await Promise.all(
    signingAlgorithms.map(async (alg) => ({ alg, ...(await stage.givenService(alg)) }))
  )
  const failures: Failure[] = []
  const kids = new Set<string>()
  let live: Token[] = []
  let tokens = 0
  let verifications = 0
  let isRunning = true

  async function fetchToken({ alg, id, secret }: (typeof services)[number]): Promise<Token> {
    const issuedAtMs = stage.nowMs()
    const answer = await fetch(`${issuer}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' })
    })
    if (!answer.ok) throw new Error(`The token endpoint said ${answer.status}.`)
    const body = (await answer.json()) as { access_token: string; expires_in: number }
    tokens += 1
    kids.add(decodeProtectedHeader(body.access_token).kid ?? '')
    return { text: body.access_token, alg, issuedAtMs, lifeMs: body.expires_in * 1_000, looks: 0 }
  }

  async function verify(token: Token): Promise<void> {
    const atMs = stage.nowMs()
    token.looks += 1
    verifications += 1
    try {
      await jwtVerify(token.text, keySet, {
        issuer,
        audience: issuer,
        typ: 'at+jwt',
        algorithms: [token.alg],
        currentDate: new Date(atMs)
      })
    } catch (error) {
      const { kid = '' } = decodeProtectedHeader(token.text)
      const ageSeconds = Math.round((atMs - token.issuedAtMs) / 1_000)
      const reason = error instanceof errors.JOSEError ? error.code : String(error)
      failures.push({ atMs, alg: token.alg, kid, ageSeconds, reason })
    }
  }

  const isDue = ({ issuedAtMs, lifeMs, looks }: Token) =>
    stage.nowMs() - issuedAtMs >= (LOOKS[looks] ?? Number.POSITIVE_INFINITY) * lifeMs

  async function run(): Promise<void> {
    while (isRunning) {
      live.push(...(await Promise.all(services.map(fetchToken))))
      await Promise.all(live.filter(isDue).map(verify))
      live = live.filter(({ looks }) => looks < LOOKS.length)
      await delay(PAUSE_MS)
    }
  }

  const running = run()
  running.catch(() => undefined)
  return {
    /** @throws when the server did not answer; nothing can be said of its keys then */
    stop: async () => {
      isRunning = false
      await running
      return { tokens, verifications, failures, kids: kids.size }
    }
  }
}
