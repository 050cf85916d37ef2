"""Questions as people put them, written by hand over `adapt.evaluation.general_text`; for evaluation only.

Nothing here follows the templates of the exercises: it shows how far the model gets outside them.
"""

QUESTIONS = (
    ("When does the office open?", "The office opens at 8:00 and closes at 18:30."),
    ("What do visitors have to do?", "Visitors must sign in at the front desk and wear a badge."),
    ("Where can I leave my bicycle?", "Bicycles can be left behind the building, next to the loading dock."),
    ("How many days of leave do I have?", "Every employee has 25 days of paid leave a year."),
    ("Can I carry over unused days?", "Up to five unused days may be carried over until the end of March."),
    ("When do I need a note from a doctor?", "Sick leave longer than three days needs a note from a doctor."),
    ("How do I book flights?", "Flights are booked through the travel desk at least ten days ahead."),
    ("How much can a hotel cost?", "Hotels are reimbursed up to 120 euros a night."),
    ("When must I hand in receipts?", "Receipts must be handed in within two weeks of the return."),
    ("How long is the guarantee of the grinder?", "The coffee grinder comes with a guarantee of two years."),
    ("Is water damage covered?", "Damage caused by water is not covered."),
    ("How do I make a claim?", "To make a claim, send the grinder back with the invoice."),
    ("How often do passwords expire?", "Passwords expire after 90 days."),
    ("What should I do if I lose my laptop?", "If you lose your laptop, call the help desk at once on extension 4410."),
    ("When do the backups run?", "Backups run every night at two o'clock."),
    ("How much rent does the tenant pay?", "The tenant pays 850 euros on the first day of each month."),
    ("Are pets allowed?", "Pets are allowed only with written permission from the owner."),
    ("When do I get the deposit back?", "The deposit is returned thirty days after the keys are handed back."),
    ("How long should the beans simmer?", "Simmer them for ninety minutes with a bay leaf."),
    ("When do I add the salt?", "Add the salt only at the end, or the skins stay hard."),
    ("¿Cuánto tarda el horno en calentarse?", "El horno tarda diez minutos en calentarse."),
    ("¿Cómo se cambia la bombilla?", "La bombilla se cambia con el aparato desenchufado."),
    ("¿Cuándo está abierta la piscina?", "La piscina está abierta de junio a septiembre."),
    ("¿Se puede comer en el recinto?", "Está prohibido comer dentro del recinto."),
    ("¿Cuántos libros puedo llevar?", "Se pueden llevar tres libros durante quince días."),
    ("¿Cuánto cuestan los retrasos?", "Los retrasos cuestan veinte céntimos por día."),
)  # fmt: skip
UNANSWERED = (
    "Who is the chief accountant?", "What is the wifi name?", "How tall is the mountain?", "Which bank do we use?",
    "Where was the painter born?", "How many seats has the theatre?", "¿Quién pintó el cuadro?", "¿Dónde está el museo?",
)  # fmt: skip
