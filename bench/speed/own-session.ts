import type { ChildProcess } from 'node:child_process'

/**
 * Every server whose speed is compared has a session of its own, as a service has: Linux shares the cores out among
 * sessions first. Give it to `spawn` or `fork`, and the child to {@link endWithBench}.
 */
export const OWN_SESSION = { detached: true } as const

const running = new Set<ChildProcess>()

/** A session of its own hears no Ctrl-C: the child is ended when the bench is. */
export function endWithBench<Child extends ChildProcess>(child: Child): Child {
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

const endAll = () => {
  for (const child of running) child.kill('SIGKILL')
}
process.once('exit', endAll)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    endAll()
    process.kill(process.pid, signal)
  })
}
