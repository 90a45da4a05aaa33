import t from 'tap'
import { startConformance } from '../../support/conformance.ts'
import { BASIC_MODULES } from '../../support/conformance-modules.ts'

const op = await startConformance(t, 'query')

for (const [name, module] of Object.entries(BASIC_MODULES)) {
  void t.test(`Basic OP, ${name}`, async (t) => module(t, op))
}
