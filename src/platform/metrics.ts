import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'

const PREFIX = 'latchkey_'

export type Metrics = ReturnType<typeof createMetrics>

/** What Prometheus reads. A registry of its own, so that two servers in one process do not meet. */
export function createMetrics({ ofProcess }: { ofProcess: boolean }) {
  const registry = new Registry()
  // They sample the event loop as long as the process lives: not for every short one.
  if (ofProcess) collectDefaultMetrics({ register: registry, prefix: PREFIX })

  /** Counts what happened. Label values come from closed lists, never from a request. */
  function counter<const Label extends string = never>(
    name: string,
    help: string,
    labelNames: readonly Label[] = []
  ): Counter<Label> {
    return new Counter({ name: PREFIX + name, help, labelNames, registers: [registry] })
  }

  /**
   * A value that is looked up when it is asked for.
   * @param read throws when it cannot be told: the line is missing then, the others stand
   */
  function gauge(name: string, help: string, read: () => Promise<number> | number): void {
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [registry],
      async collect() {
        try {
          this.set(await read())
        } catch {
          this.remove()
        }
      }
    })
  }

  /**
   * The same with labels; what `read` does not name is not there.
   * @param read throws when it cannot be told
   */
  function labelledGauge<const Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: () => Promise<{ labels: Record<Label, string>; value: number }[]>
  ): void {
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const values = await read().catch(() => [])
        this.reset()
        for (const { labels, value } of values) this.set(labels, value)
      }
    })
  }

  /** Prometheus' text format. */
  async function render(): Promise<{ contentType: string; body: string }> {
    return { contentType: registry.contentType, body: await registry.metrics() }
  }

  return { counter, gauge, labelledGauge, render }
}
