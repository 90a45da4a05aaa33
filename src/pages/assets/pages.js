// What a form does better with a script; everything works without.
for (const input of document.querySelectorAll('input[type="password"]')) {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'reveal'
  const label = input.closest('label')
  const name = label.firstChild.textContent.trim().toLowerCase()
  const say = (isShown) => {
    input.type = isShown ? 'text' : 'password'
    button.textContent = isShown ? `Hide ${name}` : `Show ${name}`
  }
  say(false)
  button.addEventListener('click', () => say(input.type === 'password'))
  // Nobody's password manager should see a text field.
  input.form.addEventListener('submit', () => say(false))
  label.after(button)
}

for (const again of document.querySelectorAll('input[name="confirm_password"]')) {
  const first = again.form.elements.password ?? again.form.elements.new_password
  const compare = () => {
    again.setCustomValidity(again.value === first.value ? '' : 'This is not the same password.')
  }
  again.addEventListener('input', compare)
  first.addEventListener('input', compare)
}
