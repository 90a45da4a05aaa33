// What a form does better with a script; everything works without. The layout says its words.
const words = document.currentScript.dataset

for (const form of document.forms) {
  const inputs = [...form.querySelectorAll('input[type="password"]')]
  if (inputs.length > 0) addReveal(form, inputs)
  const again = form.elements.confirm_password
  if (again !== undefined) compare(form.elements.new_password ?? form.elements.password, again)
}

/** One button shows what was typed, in every password field of the form. */
function addReveal(form, inputs) {
  const button = document.createElement('button')
  const show = (isShown) => {
    for (const input of inputs) input.type = isShown ? 'text' : 'password'
    button.textContent = isShown ? words.hide : words.show
  }
  button.type = 'button'
  button.className = 'reveal'
  show(false)
  button.addEventListener('click', () => show(inputs[0].type === 'password'))
  // Password managers keep what was sent in a password field.
  form.addEventListener('submit', () => show(false))
  inputs.at(-1).closest('label').after(button)
}

/** Says at once that two passwords differ; the server says it too. */
function compare(first, again) {
  const judge = () => {
    again.setCustomValidity(again.value === first.value ? '' : words.differs)
  }
  first.addEventListener('input', judge)
  again.addEventListener('input', judge)
}

for (const form of document.querySelectorAll('form[data-submits-itself]')) form.submit()
