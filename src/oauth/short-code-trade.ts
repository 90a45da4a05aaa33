import type { IncomingMessage } from 'node:http'
import { v4 as uuidv4 } from 'uuid'
import type { ShortAnswer } from '../http/short-paths.ts'
import type { TokenAnswer } from './token-answer.ts'
import type { TradeCode } from './token-endpoint.ts'
import type { TokenRequest } from './token-schemas.ts'

/** Codes that are traded before the lifecycle. */
export function createShortCodeTrade(
  tradeCode: TradeCode,
  addressOf: (request: IncomingMessage) => string
) {
  /** Of what goes through the lifecycle after all: nothing is spent twice, and a fault is told once. */
  const tried = new WeakMap<IncomingMessage, Promise<TokenAnswer | null>>()

  function findShort(
    request: IncomingMessage,
    form: TokenRequest,
    headers: ShortAnswer['headers']
  ): Promise<ShortAnswer | null> {
    const { authorization } = request.headers
    const who: Pick<ShortAnswer, 'userId' | 'sessionId'> = {}
    const origin = {
      requestId: (request.requestId ??= uuidv4()),
      address: addressOf(request),
      tell: (told: typeof who) => void Object.assign(who, told)
    }
    const trading = tradeCode(form, { authorization, dpop: undefined, origin })
    tried.set(request, trading)
    return trading.then((answer) => answer && { headers, body: JSON.stringify(answer), ...who })
  }

  return { findShort, triedBefore: (request: IncomingMessage) => tried.get(request) }
}
