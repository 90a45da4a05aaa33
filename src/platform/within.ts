/** Rejects with `tooLate()` after `waitMs`; what was asked goes on, and its own failure disturbs nobody. */
export function within<T>(work: Promise<T>, waitMs: number, tooLate: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(tooLate())
    }, waitMs)
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer)
    })
  })
}
