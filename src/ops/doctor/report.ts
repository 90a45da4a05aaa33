import type { Level, NamedFinding } from './finding.ts'

const LEVELS: readonly Level[] = ['error', 'warn', 'note', 'ok']

/** The worst of all. */
export function worstOf(findings: NamedFinding[]): Level {
  return LEVELS.find((level) => findings.some((finding) => finding.level === level)) ?? 'ok'
}

/** For people: a line each, what to do beneath it, and a count at the end. */
export function reportText(findings: NamedFinding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  const lines = findings.flatMap(({ level, check, says, todo }, index) => {
    const line = `${level.padEnd(5)}  ${check.padEnd(width)}  ${says}`
    const isSaidNext = findings[index + 1]?.todo === todo
    return todo === undefined || isSaidNext ? [line] : [line, `${' '.repeat(width + 9)}→ ${todo}`]
  })
  return [...lines, '', summaryOf(findings)].join('\n')
}

function summaryOf(findings: NamedFinding[]): string {
  const count = (level: Level) => findings.filter((finding) => finding.level === level).length
  const [errors, warnings] = [count('error'), count('warn')]
  if (errors + warnings === 0) return 'All is well.'
  const counted = [
    ...(errors > 0 ? [`${errors} to mend`] : []),
    ...(warnings > 0 ? [`${warnings} to look into`] : [])
  ]
  return `${counted.join(', ')}.`
}
