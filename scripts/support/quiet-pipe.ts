/**
 * Whoever reads what a script says may stop to, such as `| head`: that is no failure. What the script does is
 * done to its end, and it ends with the code that it would have ended with.
 */
export function endQuietlyWithTheReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
}
