/**
 * Reads tap's raw output: a line for every file as it ends, and of a file that failed everything
 * but its passed assertions.
 */
export function createReport(write: (line: string) => void) {
  let block: string[] = []
  let counts: Record<string, number> | undefined

  return {
    read(line: string): void {
      const file = /^(not )?ok \d+ - (.+?)(?: # (time=|SKIP)(.*))?$/.exec(line)
      const totals = /^# \{ (total: .*) \}$/.exec(line)
      if (file !== null) {
        const [, failed, name, kind, detail] = file
        const verdict = failed !== undefined ? 'FAIL' : kind === 'SKIP' ? 'SKIP' : 'PASS'
        const note = (detail ?? '').trim().replace(/\.\d+ms$/, ' ms')
        write(`${verdict}  ${name}  ${note}`.trimEnd())
        if (failed !== undefined)
          block.filter(isWorthReading).forEach((text) => {
            write(text)
          })
        block = []
      } else if (totals !== null) {
        counts = Object.fromEntries(
          (totals[1] ?? '').split(', ').map((pair) => {
            const [name = '', count] = pair.split(': ')
            return [name, Number(count)]
          })
        )
      } else {
        block.push(line)
      }
    },

    /** The last line: `N passed, N failed`, with `, N skipped` where there are any. */
    summary(): { line: string; executed: number } {
      const { pass = 0, fail = 0, skip = 0, todo = 0 } = counts ?? {}
      const skipped = skip + todo > 0 ? `, ${skip + todo} skipped` : ''
      return { line: `${pass} passed, ${fail} failed${skipped}`, executed: pass + fail }
    }
  }
}

function isWorthReading(line: string): boolean {
  return !/^\s*(ok \d+ |\d+\.\.\d+|# Subtest: |# time=|TAP version|$)/.test(line)
}
