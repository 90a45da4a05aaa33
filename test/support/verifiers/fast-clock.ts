// Preloaded into a verifier: its process lives in a time that passes CLOCK_SPEED times as fast since CLOCK_START_MS. What its
// library caches and for how long stays what its authors chose; timers and timeouts run as ever.
const startMs = Number(process.env['CLOCK_START_MS'])
const speed = Number(process.env['CLOCK_SPEED'])
const RealDate = Date
const realPerformanceNow = performance.now.bind(performance)

const fastNowMs = () => startMs + (RealDate.now() - startMs) * speed

class FastDate extends RealDate {
  constructor(...values: [] | [string | number | Date]) {
    super(values[0] ?? fastNowMs())
  }

  static override now(): number {
    return fastNowMs()
  }
}

globalThis.Date = FastDate as DateConstructor
performance.now = () => realPerformanceNow() * speed
