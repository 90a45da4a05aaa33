import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** Processes that are counted as one: Postgres has one for each connection. */
export type Program = { name: string; pid: number }

/** User and system time that a program has taken so far, its children's included; in milliseconds. */
export function cpuMsOf({ pid }: Program): number {
  return family(pid).reduce((sum, member) => sum + ownCpuMs(member), 0)
}

/** Resident memory in MiB; shared pages count once for each process that holds them. */
export function rssMibOf({ pid }: Program): number {
  return family(pid).reduce((sum, member) => sum + statusMib(member, 'VmRSS'), 0)
}

/** The most that a single process ever had, in MiB. */
export const peakRssMibOf = ({ pid }: Program): number => statusMib(pid, 'VmHWM')

function family(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .map((member) => [member, Number(statOf(member)?.[1])] as const)
  const found = [pid]
  for (const known of found) {
    for (const [member, parent] of parents) if (parent === known) found.push(member)
  }
  return found
}

/** utime and stime, and those of children that have ended. */
function ownCpuMs(pid: number): number {
  const [utime = 0, stime = 0, ended = 0, endedSystem = 0] =
    statOf(pid)?.slice(11, 15).map(Number) ?? []
  return ((utime + stime + ended + endedSystem) * 1_000) / TICKS_PER_SECOND
}

/** The fields of /proc/PID/stat from the third on (state, parent, …); the second may hold spaces. */
function statOf(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}

function statusMib(pid: number, field: string): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1_024
  } catch {
    return 0
  }
}
