import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Test } from 'tap'
import packageJson from '../../package.json' with { type: 'json' }
import { createRoleStore } from '../../src/accounts/role-store.ts'
import { openRoles } from '../../src/accounts/roles.ts'
import { createUserImportStore } from '../../src/accounts/user-import-store.ts'
import { createUserImport } from '../../src/accounts/user-import.ts'
import { createAudit } from '../../src/audit/record.ts'
import { readConfig } from '../../src/config.ts'
import { openPlatform } from '../../src/platform/open-platform.ts'
import type { TestApp } from './app.ts'
import { collect } from './server.ts'

const PIECE_BYTES = 1_009
const ROOT = join(import.meta.dirname, '..', '..')

/** A line of an import file: an object is written as JSON, anything else as it is. */
export type FileLine = Record<string, unknown> | string | Buffer

/** Writes an import file that goes with the test. */
export async function givenImportFile(t: Test, lines: FileLine[]): Promise<string> {
  const file = join(t.testdir(), `${randomBytes(6).toString('hex')}.jsonl`)
  await writeFile(file, encode(lines))
  return file
}

function encode(lines: FileLine[]): Buffer {
  const encoded = lines.flatMap((line) => [
    Buffer.isBuffer(line)
      ? line
      : Buffer.from(typeof line === 'string' ? line : JSON.stringify(line)),
    Buffer.from('\n')
  ])
  return Buffer.concat(encoded)
}

/** What the script does, without the second that a process takes to start. */
export async function givenImporter(t: Test, app: TestApp) {
  const { databaseUrl } = app
  const platform = await openPlatform({ ...readConfig(app.env), databaseUrl }, () => undefined)
  t.teardown(platform.close)
  const { postgres, sealer, dataKeys, clock } = platform
  const record = createAudit({ sealer, clock })
  const store = createUserImportStore({ postgres, sealer, dataKeys, clock, record })
  const { exists: roleExists } = await openRoles(createRoleStore(postgres))

  return async function run(lines: FileLine[], { dryRun } = { dryRun: false }) {
    await clock.sync()
    const bad: string[] = []
    const importUsers = createUserImport({
      store,
      roleExists,
      onBad: ({ number, reason }) => bad.push(`line ${number}: ${reason}`),
      onProgress: () => undefined
    })
    return { ...(await importUsers(inPieces(encode(lines)), { dryRun })), reasons: bad }
  }
}

/** As a disk might give it: no piece ends where a line does. */
function inPieces(bytes: Buffer): AsyncIterable<Buffer> {
  const count = Math.ceil(bytes.length / PIECE_BYTES)
  return Readable.from(
    Array.from({ length: count }, (_, at) =>
      bytes.subarray(at * PIECE_BYTES, (at + 1) * PIECE_BYTES)
    )
  )
}

/** What `npm run users` says, npm itself left out: its flags are what keeps a long import small. */
const [, ...COMMAND] = packageJson.scripts.users.split(' ')

/** Starts `npm run users -- import …` on the app's own database. */
export function startImport(app: TestApp, ...args: string[]) {
  const { DATABASE_URL, KEY_ENCRYPTION_KEY } = app.env
  const child = spawn(process.execPath, [...COMMAND, 'import', ...args], {
    cwd: ROOT,
    env: { DATABASE_URL, KEY_ENCRYPTION_KEY, ...PEAK_MEMORY },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const output = collect(child)
  const ended = new Promise<{ code: number | null; output: string; peakMib: number }>((resolve) => {
    child.on('close', (code) => {
      const text = output()
      const peakKib = Number(/^peak (\d+) KiB$/m.exec(text)?.[1])
      resolve({ code, output: text.replace(/^peak .*\n/m, ''), peakMib: peakKib / 1_024 })
    })
  })
  return { child, ended }
}

/** Has the process say at its end how much memory it held at most. */
const PEAK_MEMORY = {
  NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(
    "process.on('exit', () => console.error(`peak ${process.resourceUsage().maxRSS} KiB`))"
  )}`
}

/** Imports the lines and waits for the end. */
export async function importLines(t: Test, app: TestApp, lines: FileLine[], ...args: string[]) {
  return startImport(app, await givenImportFile(t, lines), ...args).ended
}
