"""Everyday passages in English and Spanish, written by hand, that show what a training or a merge has damaged."""

PASSAGES = {
    "handbook.pdf, page 2": "The office opens at 8:00 and closes at 18:30. Visitors must sign in at the front desk and wear a badge. Bicycles can be left behind the building, next to the loading dock.",
    "handbook.pdf, page 5": "Every employee has 25 days of paid leave a year. Up to five unused days may be carried over until the end of March. Sick leave longer than three days needs a note from a doctor.",
    "travel.md": "Flights are booked through the travel desk at least ten days ahead. Hotels are reimbursed up to 120 euros a night. Receipts must be handed in within two weeks of the return.",
    "warranty.txt": "The coffee grinder comes with a guarantee of two years. Damage caused by water is not covered. To make a claim, send the grinder back with the invoice.",
    "it-notes.md": "Passwords expire after 90 days. If you lose your laptop, call the help desk at once on extension 4410. Backups run every night at two o'clock.",
    "lease.docx": "The tenant pays 850 euros on the first day of each month. Pets are allowed only with written permission from the owner. The deposit is returned thirty days after the keys are handed back.",
    "recipe.txt": "Soak the beans overnight in cold water. Simmer them for ninety minutes with a bay leaf. Add the salt only at the end, or the skins stay hard.",
    "manual.pdf, página 3": "El horno tarda diez minutos en calentarse. No use productos abrasivos para limpiar la puerta. La bombilla se cambia con el aparato desenchufado.",
    "normas.md": "La piscina está abierta de junio a septiembre. Los menores de doce años deben ir acompañados de un adulto. Está prohibido comer dentro del recinto.",
    "biblioteca.txt": "Se pueden llevar tres libros durante quince días. Los retrasos cuestan veinte céntimos por día. La sala de estudio cierra a las nueve de la noche.",
}  # fmt: skip
