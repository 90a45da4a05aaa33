import { createInterface } from 'node:readline'

/** A verifier as a process: a line is an id and a token; the answer is the id and `ok`, or why not. */
export function answerLines(verify: (token: string) => Promise<unknown>): void {
  // Whoever asked has gone.
  process.stdout.on('error', () => process.exit())
  createInterface({ input: process.stdin }).on('line', (line) => {
    const [id = '', token = ''] = line.split(' ')
    verify(token).then(
      () => process.stdout.write(`${id} ok\n`),
      (error: unknown) => process.stdout.write(`${id} ${String(error)}\n`)
    )
  })
}
