import t from 'tap'
import { contrast, mix, readableOn, textOn, type HexColor } from '../../src/lib/contrast.ts'

/** A walk through the whole cube of colours. */
function* colors(): Generator<HexColor> {
  const steps = [0, 36, 72, 109, 119, 145, 182, 218, 255]
  const hex = (value: number) => value.toString(16).padStart(2, '0')
  for (const red of steps)
    for (const green of steps)
      for (const blue of steps) yield `#${hex(red)}${hex(green)}${hex(blue)}`
}

void t.test('contrast: as WCAG 2.2 has it', (t) => {
  t.equal(contrast('#000000', '#ffffff'), 21)
  t.equal(contrast('#ffffff', '#ffffff'), 1)
  t.equal(contrast('#777777', '#ffffff').toFixed(2), '4.48')
  t.equal(contrast('#0172ad', '#ffffff'), contrast('#ffffff', '#0172ad'))
  t.end()
})

void t.test('text on any colour: reads', (t) => {
  const worst = Math.min(...[...colors()].map((color) => contrast(textOn(color), color)))
  t.ok(worst >= 4.5, String(worst))
  t.end()
})

void t.test(
  'any colour as a link, on light and on dark: reads, and stays itself if it can',
  (t) => {
    for (const background of ['#ffffff', '#f2f4f8', '#181c25', '#0d1017'] as const) {
      const shades = [...colors()].map((color) =>
        contrast(readableOn(background, color), background)
      )
      t.ok(Math.min(...shades) >= 4.5, background)
      t.equal(readableOn(background, textOn(background)), textOn(background))
    }
    t.equal(readableOn('#ffffff', '#0172ad'), '#0172ad')
    t.end()
  }
)

void t.test('a mix: each part by its share', (t) => {
  t.equal(mix('#000000', '#ffffff', 0.5), '#808080')
  t.equal(mix('#102030', '#ffffff', 0), '#102030')
  t.equal(mix('#102030', '#ffffff', 1), '#ffffff')
  t.end()
})
