import { boolean, integer, listOf, oneOf, url } from '../lib/setting-parsers.ts'
import { optional } from './setting.ts'

/** What a password has to be, and what its hash costs. */
export const PASSWORDS = {
  passwordMinLength: optional(
    'PASSWORD_MIN_LENGTH',
    'Code points that a password needs at least',
    integer(8, 64),
    8
  ),
  passwordComposition: optional(
    'PASSWORD_COMPOSITION',
    'Kinds of characters that a password needs: any of `lower upper digit symbol`',
    listOf('lower', 'upper', 'digit', 'symbol'),
    [],
    'none'
  ),
  passwordBreachCheck: optional(
    'PASSWORD_BREACH_CHECK',
    'Refuse new passwords that are known from breaches; 20 bits of their SHA-1 are told to the service',
    boolean,
    false
  ),
  passwordBreachUrl: optional(
    'PASSWORD_BREACH_URL',
    'Service that is asked, in the range format of Have I Been Pwned',
    url('https:', 'http:'),
    'https://api.pwnedpasswords.com/range/'
  ),
  argon2MemoryKib: optional(
    'ARGON2_MEMORY_KIB',
    'Memory of one password hash',
    integer(19_456, 1_048_576),
    19_456
  ),
  argon2Passes: optional('ARGON2_PASSES', 'Passes of one password hash', integer(2, 20), 2),
  argon2Concurrency: optional(
    'ARGON2_CONCURRENCY',
    'Password hashes at the same time; not more than cores. Workers share it',
    integer(1, 64),
    2
  ),
  argon2Scheduling: optional(
    'ARGON2_SCHEDULING',
    '`idle`: where cores are scarce, hashes leave them at once to all else (Linux); for a server in a container or service of its own. `nice`: hashes get less of them',
    oneOf('nice', 'idle'),
    'nice'
  ),
  argon2QueueLength: optional(
    'ARGON2_QUEUE_LENGTH',
    'Password hashes that may wait; beyond it the answer is 503',
    integer(1, 10_000),
    64
  ),
  argon2WaitMs: optional(
    'ARGON2_WAIT_MS',
    'A login whose hash has not begun so many milliseconds after it came is refused with 503; so is any other hash that waits so long',
    integer(100, 60_000),
    600
  )
}
