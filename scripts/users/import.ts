import { createReadStream } from 'node:fs'
import { access, constants, stat } from 'node:fs/promises'
import { createRoleStore } from '../../src/accounts/role-store.ts'
import { openRoles } from '../../src/accounts/roles.ts'
import { createUserImport, type ImportCounts } from '../../src/accounts/user-import.ts'
import { createUserImportStore } from '../../src/accounts/user-import-store.ts'
import { createAudit } from '../../src/audit/record.ts'
import { UnavailableError } from '../../src/errors.ts'
import type { Platform } from '../../src/platform/open-platform.ts'
import { ScriptError } from '../support/run-script.ts'

/** Where nobody watches, a line of progress for so many. */
const PROGRESS_LINES = 10_000

/** Ends with exit code 1 when a line was bad; the others are there nevertheless. */
export async function importUsers(
  { postgres, sealer, dataKeys, clock }: Platform,
  file: string,
  dryRun: boolean
): Promise<void> {
  await requireFile(file)
  const { exists: roleExists } = await openRoles(createRoleStore(postgres))
  const record = createAudit({ sealer, clock })
  const run = createUserImport({
    store: createUserImportStore({ postgres, sealer, dataKeys, clock, record }),
    roleExists,
    onBad: ({ number, reason }) => {
      console.error(`${clearLine()}line ${number}: ${reason}`)
    },
    onProgress: showProgress
  })
  const counts = await run(createReadStream(file), { dryRun }).catch((error: unknown) => {
    if (!(error instanceof UnavailableError)) throw error
    throw new ScriptError('Postgres does not answer. What was done stays; run it again.')
  })
  process.stderr.write(clearLine())
  console.log(`${dryRun ? 'Dry run, nothing was written: ' : ''}${summary(counts, dryRun)}.`)
  if (counts.bad > 0) process.exitCode = 1
}

/** @throws {ScriptError} for what cannot be read, or holds no lines */
async function requireFile(file: string): Promise<void> {
  const found = await access(file, constants.R_OK).then(
    () => stat(file),
    () => null
  )
  if (found === null) throw new ScriptError('This file cannot be read.')
  if (found.isDirectory()) {
    throw new ScriptError('This is a directory: name a file with one JSON object a line.')
  }
}

function summary({ lines, added, there, bad }: ImportCounts, dryRun: boolean): string {
  const made = dryRun ? 'would be new' : 'new'
  return `${lines} lines, ${added} ${made}, ${there} already there, ${bad} bad`
}

function showProgress(counts: ImportCounts): void {
  if (process.stderr.isTTY) process.stderr.write(`${clearLine()}${summary(counts, false)}`)
  else if (counts.lines % PROGRESS_LINES === 0) console.error(summary(counts, false))
}

function clearLine(): string {
  return process.stderr.isTTY ? '\r\x1b[2K' : ''
}
