import { CLIENTS } from './settings/clients.ts'
import { KEYS_AND_FOLDERS } from './settings/keys-and-folders.ts'
import { LIMITS } from './settings/limits.ts'
import { MAIL_AND_PAGES } from './settings/mail-and-pages.ts'
import { NETWORK } from './settings/network.ts'
import { OBSERVING } from './settings/observing.ts'
import { PASSWORDS } from './settings/passwords.ts'
import { SERVER } from './settings/server.ts'
import type { Setting } from './settings/setting.ts'
import { STORES } from './settings/stores.ts'
import { TOKENS_AND_SESSIONS } from './settings/tokens-and-sessions.ts'

/** Every setting there is, in the order of the README's table. */
export const SETTINGS = {
  ...SERVER,
  ...STORES,
  ...MAIL_AND_PAGES,
  ...KEYS_AND_FOLDERS,
  ...TOKENS_AND_SESSIONS,
  ...PASSWORDS,
  ...LIMITS,
  ...CLIENTS,
  ...NETWORK,
  ...OBSERVING
}

export type SettingValues = {
  [K in keyof typeof SETTINGS]: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never
}
