/** A reason not to start that whoever runs it can mend: a sentence that names the setting, never its value. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
