import type { OnFault } from './store.ts'

type Listener = { onMessage: (message: string) => void }

/** Who listens to which channel in this process. A listener that throws disturbs nobody else. */
export function createListeners(onFault: OnFault) {
  const byChannel = new Map<string, Set<Listener>>()

  return {
    channels: () => [...byChannel.keys()],

    /** @returns removes the listener again; true when the channel has none left */
    add(channel: string, onMessage: Listener['onMessage']): () => boolean {
      const listener = { onMessage } // one function may listen twice
      const listeners = byChannel.get(channel) ?? new Set<Listener>()
      byChannel.set(channel, listeners.add(listener))
      return () => {
        const wasLast = listeners.delete(listener) && listeners.size === 0
        if (wasLast) byChannel.delete(channel)
        return wasLast
      }
    },

    deliver(channel: string, message: string): void {
      for (const { onMessage } of [...(byChannel.get(channel) ?? [])]) {
        try {
          onMessage(message)
        } catch (error) {
          onFault(error instanceof Error ? error : new Error(String(error)))
        }
      }
    },

    clear(): void {
      byChannel.clear()
    }
  }
}
