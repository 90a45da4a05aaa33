import { integer, oneOf, origin, text } from '../lib/setting-parsers.ts'
import { optional, unset } from './setting.ts'

/** Where and as what the server listens. */
export const SERVER = {
  nodeEnv: optional(
    'NODE_ENV',
    '`production` requires all that is marked so and refuses what is unsafe',
    oneOf('development', 'test', 'production'),
    'development'
  ),
  issuer: unset(
    'ISSUER',
    'Origin that tokens name as `iss` and mail links point to; https in production',
    origin,
    '`http://localhost:PORT`; required in production'
  ),
  host: unset('HOST', 'Address to listen on', text, '`localhost`; `0.0.0.0` in production'),
  port: optional('PORT', 'Port to listen on', integer(1, 65_535), 3000)
}
