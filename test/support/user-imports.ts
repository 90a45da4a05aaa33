import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { TestApp } from './app.ts'
import { collect } from './server.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** A line of an import file: an object is written as JSON, anything else as it is. */
export type FileLine = Record<string, unknown> | string | Buffer

/** Writes an import file that goes with the test. */
export async function givenImportFile(t: Test, lines: FileLine[]): Promise<string> {
  const file = join(t.testdir(), `${randomBytes(6).toString('hex')}.jsonl`)
  const encoded = lines.flatMap((line) => [
    Buffer.isBuffer(line)
      ? line
      : Buffer.from(typeof line === 'string' ? line : JSON.stringify(line)),
    Buffer.from('\n')
  ])
  await writeFile(file, Buffer.concat(encoded))
  return file
}

/** Starts `npm run users -- import …` on the app's own database. */
export function startImport(app: TestApp, ...args: string[]) {
  const { DATABASE_URL, KEY_ENCRYPTION_KEY } = app.env
  const child = spawn(process.execPath, ['scripts/users.ts', 'import', ...args], {
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
