import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestApp } from './app.ts'

/** `npm run NAME -- …`, as an operator types it beside a running app: on its database, with its key. */
export function scriptBeside({ env }: Pick<TestApp, 'env'>, name: 'clients' | 'keys' | 'users') {
  const { DATABASE_URL, KEY_ENCRYPTION_KEY, ISSUER } = env

  /** Runs it to its end; `input` is what is typed into it. */
  return async function run(args: string[], input = '') {
    const child = spawn(process.execPath, [`scripts/${name}.ts`, ...args], {
      cwd: join(import.meta.dirname, '..', '..'),
      env: { DATABASE_URL, KEY_ENCRYPTION_KEY, ISSUER }
    })
    child.stdin.end(input)
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close')
    ])
    return { status: child.exitCode, stdout, stderr }
  }
}
