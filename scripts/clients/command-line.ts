import { readCommandLine } from '../support/command-line.ts'

const USAGE = `Applications that may use this server.

  npm run clients -- create NAME --redirect-uri URI [--redirect-uri URI …]
        a web application on a server, with a secret
  npm run clients -- create NAME --public --redirect-uri URI
        a browser or native application, without one
  npm run clients -- create NAME --service --scope "orders:read" [--audience URL]
        a service that comes by itself (client credentials); with --exchange it may also trade a token that it
        was called with for one to call the next service with
  npm run clients -- create NAME --device
        a television or a command line (device code)
  npm run clients -- list
  npm run clients -- show ID
  npm run clients -- rotate-secret ID         the one before works for a day more
  npm run clients -- disable ID | enable ID | delete ID

More for create: --id ID, --scope "A B", --audience URL (may be repeated), --first-party (no consent),
--resource-server (may introspect every token), --post-logout-redirect-uri URI, --backchannel-logout-uri URI, --no-pkce,
--shows-roles.

Who may register clients by themselves, where DYNAMIC_REGISTRATION lets them:

  npm run clients -- initial-token create NAME [--scope "A B"] [--grants "A B"] [--audience URL]
                                               [--no-pkce] [--expires-days N]
  npm run clients -- initial-token list
  npm run clients -- initial-token revoke ID  clients that were registered with it stay`

const many = { type: 'string', multiple: true } as const
const OPTIONS = {
  id: { type: 'string' },
  'redirect-uri': many,
  'post-logout-redirect-uri': many,
  'backchannel-logout-uri': { type: 'string' },
  scope: { type: 'string' },
  audience: many,
  public: { type: 'boolean', default: false },
  service: { type: 'boolean', default: false },
  exchange: { type: 'boolean', default: false },
  device: { type: 'boolean', default: false },
  'first-party': { type: 'boolean', default: false },
  'resource-server': { type: 'boolean', default: false },
  'shows-roles': { type: 'boolean', default: false },
  'no-pkce': { type: 'boolean', default: false },
  grants: { type: 'string' },
  'expires-days': { type: 'string' },
  help: { type: 'boolean', default: false }
} as const

const COMMANDS = {
  create: ['NAME'],
  list: [],
  show: ['ID'],
  'rotate-secret': ['ID'],
  disable: ['ID'],
  enable: ['ID'],
  delete: ['ID'],
  'initial-token create': ['NAME'],
  'initial-token list': [],
  'initial-token revoke': ['ID']
}

/** `npm run clients -- …`; null when there is nothing more to do. */
export const readClientsLine = () =>
  readCommandLine({ usage: USAGE, options: OPTIONS, commands: COMMANDS })

export type ClientsLine = NonNullable<ReturnType<typeof readClientsLine>>
export type Options = ClientsLine['values']
