import { readLines, type Line } from '../lib/lines.ts'
import { createSeen } from '../lib/seen.ts'
import { parseImportLine } from './import-line.ts'
import type { ImportedPerson, UserImportStore, Verdict } from './user-import-store.ts'

const MAX_LINE_BYTES = 64 * 1_024
const BATCH_LINES = 500

/** How many lines became what. In a dry run `added` are those that would be. */
export type ImportCounts = { lines: number; added: number; there: number; bad: number }

/** A line that was not taken, and why; never what stands in it. */
export type BadLine = { number: number; reason: string }

export type UserImportDeps = {
  store: Pick<UserImportStore, 'judge' | 'add'>
  roleExists: (role: string) => boolean
  onBad: (line: BadLine) => void
  /** After every batch: what it counts is committed. */
  onProgress: (counts: ImportCounts) => void
}

type ParsedLine = { number: number; outcome: ImportedPerson | { reason: string } }

const REASONS = {
  email_kept: 'email: is kept for a user who changed it lately and may take it back',
  username_taken: 'username: is taken'
} as const

/**
 * Brings the people of another system along, some hundred lines at a time. Whoever has an account stays
 * as they are, so that running it again changes nothing.
 */
export function createUserImport({ store, roleExists, onBad, onProgress }: UserImportDeps) {
  /** @param chunks the file: one JSON object a line. With `dryRun` nothing is written. */
  return async function importUsers(
    chunks: AsyncIterable<Uint8Array>,
    { dryRun }: { dryRun: boolean }
  ): Promise<ImportCounts> {
    const counts = { lines: 0, added: 0, there: 0, bad: 0 }
    const seen = createSeen()
    const judge = dryRun ? store.judge : store.add
    let batch: ParsedLine[] = []

    async function flush(): Promise<void> {
      const people = batch.flatMap(({ outcome }) => ('reason' in outcome ? [] : [outcome]))
      const verdicts = people.length === 0 ? [] : await judge(people)
      for (const { number, outcome } of batch) {
        const reason = 'reason' in outcome ? outcome.reason : count(verdicts.shift())
        if (reason !== null) onBad({ number, reason })
        if (reason !== null) counts.bad += 1
      }
      counts.lines += batch.length
      batch = []
      onProgress(counts)
    }

    /** @returns why the line is bad after all, or null */
    function count(verdict: Verdict | undefined): string | null {
      if (verdict === 'email_kept' || verdict === 'username_taken') return REASONS[verdict]
      if (verdict === 'new') counts.added += 1
      else counts.there += 1
      return null
    }

    function parse({ number, text }: Line): ParsedLine {
      const outcome =
        text === null
          ? { reason: `is longer than ${MAX_LINE_BYTES / 1_024} KiB, or not UTF-8` }
          : parseImportLine(text, roleExists)
      const isRepeated = 'reason' in outcome ? null : findRepeated(outcome)
      return { number, outcome: isRepeated ?? outcome }
    }

    function findRepeated({ email, username }: ImportedPerson): { reason: string } | null {
      if (!seen.isNew(`email ${email.canonical}`)) {
        return { reason: 'email: stands on an earlier line' }
      }
      if (username === null || seen.isNew(`username ${username}`)) return null
      return { reason: 'username: stands on an earlier line' }
    }

    for await (const line of readLines(chunks, MAX_LINE_BYTES)) {
      if (line.text?.trim() === '') continue
      batch.push(parse(line))
      if (batch.length === BATCH_LINES) await flush()
    }
    if (batch.length > 0) await flush()
    return counts
  }
}
