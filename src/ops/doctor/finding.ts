/** `note` is worth knowing and nothing to mend. */
export type Level = 'ok' | 'note' | 'warn' | 'error'

/** What a check found: a sentence that says it, and one that says what to do. Never the value of a secret. */
export type Finding = { level: Level; says: string; todo?: string }

export const ok = (says: string): Finding => ({ level: 'ok', says })
export const note = (says: string, todo: string): Finding => ({ level: 'note', says, todo })
export const warn = (says: string, todo: string): Finding => ({ level: 'warn', says, todo })
export const error = (says: string, todo: string): Finding => ({ level: 'error', says, todo })

/** One thing to look at, on what it needs for that. */
export type Check<Subject> = { name: string; look: (subject: Subject) => Promise<Finding[]> }

export type NamedFinding = { check: string } & Finding

/** Looks at everything, in order. A check that fails is a finding too, by its code: its words may tell an address. */
export async function lookAt<Subject>(
  checks: readonly Check<Subject>[],
  subject: Subject
): Promise<NamedFinding[]> {
  const found = await Promise.all(
    checks.map(async ({ name, look }) => {
      const findings = await look(subject).catch((fault: unknown) => [
        error(
          `This could not be looked at (${codeOf(fault)}).`,
          'Mend what else is named, then run it again.'
        )
      ])
      return findings.map((finding) => ({ check: name, ...finding }))
    })
  )
  return found.flat()
}

/** The code of a fault, or of the one beneath it. */
export function codeOf(fault: unknown): string {
  if (!(fault instanceof Error)) return 'unknown'
  const { code, responseCode } = fault as { code?: unknown; responseCode?: unknown }
  const beneath = fault.cause instanceof Error ? codeOf(fault.cause) : fault.name
  if (typeof responseCode === 'number') return `SMTP ${responseCode}`
  return typeof code === 'string' && fault.cause === undefined ? code : beneath
}

/** `1 event`, `2 events`. */
export function amount(count: number, thing: string, things = `${thing}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? thing : things}`
}

/** How long something has waited, as people say it. */
export function duration(seconds: number): string {
  if (seconds < 120) return amount(Math.round(seconds), 'second')
  if (seconds < 7_200) return amount(Math.round(seconds / 60), 'minute')
  return amount(Math.round(seconds / 3_600), 'hour')
}
