import { integer, key256, listWith, text } from '../lib/setting-parsers.ts'
import { DEFAULT_ALGORITHM, SIGNING_ALGORITHMS } from '../signing/algorithm.ts'
import { optional, unset } from './setting.ts'

/** The keys, and what lies on this machine. */
export const KEYS_AND_FOLDERS = {
  keyEncryptionKey: unset(
    'KEY_ENCRYPTION_KEY',
    'Seals every other key: 32 random bytes, hex or base64',
    key256,
    'made in `KEYS_DIR/kek`; required in production'
  ),
  keyEncryptionKeyPrevious: unset(
    'KEY_ENCRYPTION_KEY_PREVIOUS',
    'The one before, while it changes: see [docs/encryption-keys.md](docs/encryption-keys.md)',
    key256,
    'none, or `KEYS_DIR/kek.previous`'
  ),
  dataKeyAnnounceSeconds: optional(
    'DATA_KEY_ANNOUNCE_SECONDS',
    'From the making of a data key to its first use, so that every server knows it; they look once a second',
    integer(5, 3_600),
    10
  ),
  keysDir: optional('KEYS_DIR', 'Where a key-encryption key that was made here lies', text, 'keys'),
  signingAlgorithms: optional(
    'SIGNING_ALGORITHMS',
    'Algorithms that tokens may be signed with, a ring of keys of each: `RS256`, and `ES256` or `EdDSA` for the clients that choose it; see [docs/keys.md](docs/keys.md)',
    listWith(DEFAULT_ALGORITHM, ...SIGNING_ALGORITHMS),
    [DEFAULT_ALGORITHM],
    '`RS256`'
  ),
  signingKeyRotationDays: optional(
    'SIGNING_KEY_ROTATION_DAYS',
    'How long a key signs before the next one does by itself; 0: only when asked by `npm run keys -- rotate`',
    integer(0, 3_650),
    90
  ),
  dataDir: optional('DATA_DIR', 'Where embedded Postgres and captured mail lie', text, '.data')
}
