import type { IncomingMessage } from 'node:http'
import { v4 as uuidv4 } from 'uuid'
import { readPlainParameters } from '../http/plain-parameters.ts'
import type { ShortAnswer } from '../http/short-paths.ts'
import type { TokenAnswer } from './token-answer.ts'
import type { TradeCode } from './token-endpoint.ts'

/** What nearly all clients send with a code; whatever else comes is the schema's to judge. */
const FIELDS = new Set([
  'grant_type',
  'code',
  'redirect_uri',
  'code_verifier',
  'client_id',
  'client_secret'
] as const)

/** Codes that are traded before the lifecycle. */
export function createShortCodeTrade(
  tradeCode: TradeCode,
  addressOf: (request: IncomingMessage) => string
) {
  /** Of what goes through the lifecycle after all: nothing is spent twice, and a fault is told once. */
  const tried = new WeakMap<IncomingMessage, Promise<TokenAnswer | null>>()

  /** @returns null for every other form */
  function findShort(
    request: IncomingMessage,
    body: string,
    headers: ShortAnswer['headers']
  ): Promise<ShortAnswer | null> | null {
    const { authorization, dpop } = request.headers
    const form = dpop === undefined ? readPlainParameters(body, FIELDS) : null
    if (form?.grant_type !== 'authorization_code') return null
    const { grant_type, ...fields } = form
    const who: Pick<ShortAnswer, 'userId' | 'sessionId'> = {}
    const origin = {
      requestId: (request.requestId ??= uuidv4()),
      address: addressOf(request),
      tell: (told: typeof who) => void Object.assign(who, told)
    }
    const trading = tradeCode({ grant_type, ...fields }, { authorization, dpop: undefined, origin })
    tried.set(request, trading)
    return trading.then((answer) => answer && { headers, body: JSON.stringify(answer), ...who })
  }

  return { findShort, triedBefore: (request: IncomingMessage) => tried.get(request) }
}
