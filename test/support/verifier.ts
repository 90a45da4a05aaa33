import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { ensureProgram } from '../../scripts/test/debian-package.ts'
import { ISSUER } from './app.ts'

const FOLDER = join(import.meta.dirname, 'verifiers')
const DEBIAN_PYTHON = '/usr/bin/python3'

/** Time that passes `speed` times as fast since `startMs`. */
export type FastTime = { startMs: number; speed: number }

export type Verifier = Awaited<ReturnType<typeof startVerifier>>

const PROGRAMS = {
  jose: [process.execPath, '--import', join(FOLDER, 'fast-clock.ts'), join(FOLDER, 'jose.ts')],
  'jwks-rsa': [
    process.execPath,
    '--import',
    join(FOLDER, 'fast-clock.ts'),
    join(FOLDER, 'jwks-rsa.ts')
  ],
  PyJWT: [DEBIAN_PYTHON, join(FOLDER, 'pyjwt.py')]
}

export const VERIFIERS = Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[]

/** Debian's PyJWT, installed where it is missing. */
export async function ensurePyJwt(): Promise<void> {
  // One word, so that "which version" asks whether it can be imported.
  const versionFlag = '-cimport jwt, cryptography'
  await ensureProgram({ program: DEBIAN_PYTHON, debianPackage: 'python3-jwt', versionFlag })
}

/** Somebody else's verifier with its own defaults, as a process in fast time; it gets the keys from `serverUrl`. */
export async function startVerifier(
  t: Test,
  name: (typeof VERIFIERS)[number],
  serverUrl: string,
  { startMs, speed }: FastTime
) {
  const counter = await countFetches(t, `${serverUrl}/.well-known/jwks.json`)
  const [program = '', ...args] = PROGRAMS[name]
  const child = spawn(program, args, {
    env: {
      PATH: process.env['PATH'] ?? '',
      ISSUER,
      JWKS_URI: counter.url,
      CLOCK_START_MS: String(startMs),
      CLOCK_SPEED: String(speed)
    },
    stdio: ['pipe', 'pipe', 'inherit']
  })
  t.teardown(() => child.kill('SIGKILL'))
  const waiting = new Map<string, (verdict: string) => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [id = ''] = line.split(' ')
    waiting.get(id)?.(line.slice(id.length + 1))
    waiting.delete(id)
  })
  let last = 0

  /** @returns `ok`, or why it is refused */
  async function verify(token: string): Promise<string> {
    const id = String((last += 1))
    return new Promise((resolve) => {
      waiting.set(id, resolve)
      child.stdin.write(`${id} ${token}\n`)
    })
  }

  return { name, verify, fetches: () => counter.fetches() }
}

/** Passes on what the server publishes, headers and all, and counts how often it is asked. */
async function countFetches(t: Test, target: string) {
  let fetches = 0
  const server = createServer((_request, response) => {
    fetches += 1
    fetch(target)
      .then(async (answer) => {
        const headers = {
          'content-type': answer.headers.get('content-type') ?? '',
          'cache-control': answer.headers.get('cache-control') ?? ''
        }
        response.writeHead(answer.status, headers).end(await answer.text())
      })
      .catch(() => response.writeHead(502).end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/jwks.json`, fetches: () => fetches }
}
