let lines = ''

/**
 * Standard output, once for all the lines of a turn of the event loop: a write of its own for each line took
 * longer than all else that a line costs. Nothing waits for more to come, so a crash loses no more than the
 * requests that were being answered.
 */
export const logStream = {
  write(line: string): void {
    if (lines === '') setImmediate(flush)
    lines += line
  }
}

function flush(): void {
  const text = lines
  lines = ''
  if (text !== '') process.stdout.write(text)
}

process.on('exit', flush)
