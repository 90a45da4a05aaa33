import type { FastifyBaseLogger } from 'fastify'

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
type Say = FastifyBaseLogger[(typeof LEVELS)[number]]

/** A request's own logger, made once something is said: most requests have nothing but their one line. */
export class RequestLogger implements FastifyBaseLogger {
  declare readonly fatal: Say
  declare readonly error: Say
  declare readonly warn: Say
  declare readonly info: Say
  declare readonly debug: Say
  declare readonly trace: Say
  declare readonly silent: Say
  private readonly parent: FastifyBaseLogger
  private readonly bindings: Record<string, unknown>
  private own: FastifyBaseLogger | undefined

  constructor(parent: FastifyBaseLogger, bindings: Record<string, unknown>) {
    this.parent = parent
    this.bindings = bindings
    this.own = undefined
  }

  get level(): string {
    return this.parent.level
  }

  child(...args: Parameters<FastifyBaseLogger['child']>): FastifyBaseLogger {
    return this.logger().child(...args)
  }

  private logger(): FastifyBaseLogger {
    return (this.own ??= this.parent.child(this.bindings))
  }

  static {
    for (const level of LEVELS) {
      const say = function (this: RequestLogger, ...args: Parameters<Say>) {
        this.logger()[level](...args)
      }
      Object.defineProperty(this.prototype, level, { value: say })
    }
  }
}
