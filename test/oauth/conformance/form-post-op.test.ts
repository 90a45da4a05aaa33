import t from 'tap'
import { startConformance } from '../../support/conformance.ts'
import { FORM_POST_MODULES } from '../../support/conformance-modules.ts'

const op = await startConformance(t, 'form_post')

for (const [name, module] of Object.entries(FORM_POST_MODULES)) {
  void t.test(`Form Post OP, ${name}`, async (t) => module(t, op))
}
