// npm run doctor: looks at all that an installation stands on, and says what to do. Changes nothing.
import { codeOf } from '../src/ops/doctor/finding.ts'
import { examine, type ExamineOptions } from '../src/ops/doctor/examine.ts'
import { reportText, worstOf } from '../src/ops/doctor/report.ts'
import { readCommandLine } from './support/command-line.ts'
import { ScriptError } from './support/run-script.ts'

const USAGE = `Looks at the settings, Postgres, Redis, the mail server, the keys, the audit trail and the outbox.

  npm run doctor -- [--json] [--since DATE] [--head HEX]

  --json        for programs: {"level", "findings": [{"check", "level", "says", "todo"}]}
  --since DATE  checks audit events from that day on only, such as 2026-11-01
  --head HEX    a head that a server once logged: it must still be in the chain

It changes nothing and sends nothing. It ends with 1 if there is something to mend, else with 0.`

const line = readCommandLine({
  usage: USAGE,
  options: {
    json: { type: 'boolean', default: false },
    since: { type: 'string' },
    head: { type: 'string' },
    help: { type: 'boolean', default: false }
  },
  commands: { '': [] }
})
if (line !== null) await run(line.values)

async function run(values: { json: boolean; since?: string; head?: string }): Promise<void> {
  try {
    const findings = await examine(process.env, optionsOf(values))
    const level = worstOf(findings)
    console.log(values.json ? JSON.stringify({ level, findings }, null, 2) : reportText(findings))
    process.exitCode = level === 'error' ? 1 : 0
  } catch (error) {
    const isOurs = error instanceof ScriptError
    console.error(isOurs ? error.message : `The doctor itself failed (${codeOf(error)}).`)
    process.exitCode = 1
  }
}

function optionsOf({ since, head }: { since?: string; head?: string }): ExamineOptions {
  const date = since === undefined ? undefined : new Date(since)
  if (date !== undefined && Number.isNaN(date.getTime())) {
    throw new ScriptError('--since takes a date, such as 2026-11-01.')
  }
  if (head !== undefined && !/^[0-9a-f]{64}$/i.test(head)) {
    throw new ScriptError('--head takes the 64 hexadecimal digits that a server logged.')
  }
  return {
    ...(date !== undefined && { since: date }),
    ...(head !== undefined && { head: Buffer.from(head, 'hex') })
  }
}
