import { execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { symlink, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { createTestDatabase } from './database.ts'
import { eventually } from './eventually.ts'
import { givenFolder as givenEmptyFolder } from './folder.ts'
import { collect, freePort, startServer } from './server.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** A page of docs/, to be followed line by line: its ports are free ones, everything else is as written. */
export function openPage(name: string, ports: Record<number, number>) {
  let text = readFileSync(join(ROOT, 'docs', name), 'utf8')
  for (const [written, port] of Object.entries(ports)) {
    text = text.replaceAll(`localhost:${written}`, `localhost:${port}`)
    text = text.replaceAll(`listen(${written},`, `listen(${port},`)
  }

  /** The code that follows a mark. */
  return function block(mark: string): string {
    const code = new RegExp(
      `<!-- ${mark}: a test runs it -->\\s+\`\`\`\\w+\\n([\\s\\S]*?)\\n\`\`\``
    ).exec(text)?.[1]
    if (code === undefined) throw new Error(`${name} has no block "${mark}".`)
    return code
  }
}

/** A real Latchkey that nobody has set up, and a shell in its folder. */
export async function startFreshServer(t: Test, env: Record<string, string> = {}) {
  const port = await freePort()
  const folder = await givenFolder(t)
  const own = {
    DATABASE_URL: (await createTestDatabase(t)).url,
    DATA_DIR: join(folder, 'data'),
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    ISSUER: `http://localhost:${port}`,
    EMAIL_VERIFICATION: 'optional',
    ...env
  }
  const server = await startServer(t, { ...own, PORT: String(port) })
  const shell = (command: string, more: Record<string, string> = {}) =>
    runShell(command, { ...own, ...more })
  return { ...server, shell }
}

/** What a command prints. */
async function runShell(command: string, env: Record<string, string>): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-euc', command], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env }
  })
  return stdout
}

/** What `npm run clients -- create` showed this once. */
export function secretIn(output: string): string {
  const secret = /client_secret +(\S+)/.exec(output)?.[1]
  if (secret === undefined) throw new Error(`No secret: ${output}`)
  return secret
}

/** A folder with these files, where our packages are installed. */
export async function givenFolder(t: Test, files: Record<string, string> = {}): Promise<string> {
  const folder = await givenEmptyFolder(t)
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

/** Starts a program of a page and waits until it listens. @returns what it has printed so far */
export async function startProgram(
  t: Test,
  folder: string,
  { file, port, env = {} }: { file: string; port: number; env?: Record<string, string> }
): Promise<() => string> {
  const child = spawn(process.execPath, [file], { cwd: folder, env })
  t.teardown(() => child.kill())
  const output = collect(child)
  await eventually(file, async () => {
    if (child.exitCode !== null) throw new Error(`${file} ended: ${output()}`)
    return fetch(`http://localhost:${port}/`, { redirect: 'manual' }).catch(() => null)
  })
  return output
}
