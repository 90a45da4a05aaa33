import { certificates, hostPortList, originList, proxyList } from '../lib/setting-parsers.ts'
import { optional, unset } from './setting.ts'

/** Who is believed from outside, and what is reached there. */
export const NETWORK = {
  corsOrigins: optional(
    'CORS_ORIGINS',
    'Exact origins whose pages may call the API',
    originList,
    [],
    'none'
  ),
  trustedProxies: optional(
    'TRUSTED_PROXIES',
    'Addresses or ranges whose `X-Forwarded-For` is believed',
    proxyList,
    [],
    'none'
  ),
  outboundAllowedHosts: optional(
    'OUTBOUND_ALLOWED_HOSTS',
    '`host:port` that webhooks and other requests of the server may reach although the address is private or the port not 443; outside production plain http too, on loopback',
    hostPortList,
    [],
    'none'
  ),
  outboundCa: unset(
    'OUTBOUND_CA',
    'Certificates (PEM) of private authorities that those hosts may show; usually given as `OUTBOUND_CA_FILE`',
    certificates,
    'public authorities only'
  )
}
