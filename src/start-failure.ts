import { ConfigError } from './config.ts'
import { UnavailableError } from './errors.ts'
import { KeyEncryptionKeyError } from './platform/keys/data-keys.ts'
import { PostgresUnusableError, refusalOf } from './platform/migrate/connection.ts'
import { StatementNamesError } from './platform/postgres/statement-names.ts'
import { StartError } from './platform/start-error.ts'

const MENDABLE = [ConfigError, StartError, KeyEncryptionKeyError]

const LISTEN_REFUSALS: Record<string, string> = {
  EACCES: 'PORT needs more rights than this process has',
  EADDRNOTAVAIL: 'HOST is no address of this machine',
  ENOTFOUND: 'HOST is no address of this machine'
}

/**
 * Why the server or a script cannot run, for whoever can mend it: a sentence that names the setting. The
 * words of drivers would tell the address, the user and the database of a secret setting.
 * @param databaseSetting the one that the database was taken from
 * @returns null for what nobody foresaw: then the stack is what helps
 */
export function explainStartFailure(
  error: unknown,
  databaseSetting = 'DATABASE_URL'
): string | null {
  if (MENDABLE.some((kind) => error instanceof kind)) return (error as Error).message
  if (error instanceof PostgresUnusableError) {
    return `The Postgres of ${databaseSetting} ${refusalOf(error.code)}.`
  }
  if (error instanceof StatementNamesError) return error.advice
  if (error instanceof UnavailableError)
    return `The Postgres of ${databaseSetting} does not answer.`
  const { code = '', syscall = '', port, setting } = error as ListenError
  if (setting !== undefined) return `${setting} cannot be listened at (${code}). Take another port.`
  const refusal = code === 'EADDRINUSE' ? portInUse(port) : LISTEN_REFUSALS[code]
  const isListening = syscall === 'listen' || syscall === 'getaddrinfo'
  return isListening && refusal !== undefined ? `${refusal} (${code}).` : null
}

/** `setting` names the port where it is not PORT. */
type ListenError = { code?: string; syscall?: string; port?: number; setting?: string }

function portInUse(port?: number): string {
  if (port === undefined) return 'PORT is in use by another process'
  const other = port < 65_535 ? port + 1 : 3000
  return `PORT ${port} is in use by another process. Take another: PORT=${other} npm start`
}
