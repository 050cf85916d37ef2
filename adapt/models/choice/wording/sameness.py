"""Whether two questions ask the same thing in other words: alike in meaning, with nothing that makes another question.

Vectors alone do not decide: "When does the pool open?" is as near to "When does it close?" as to a rewording of itself.
"""

from adapt.models.choice.wording.kinds import asked_kinds
from adapt.models.choice.wording.words import names_of, terms

# similarity by the multilingual encoder; 9 of 12 rewordings reach it, and 5 of 10 other questions, which words then exclude
ALIKE = 0.78
NUMBER = frozenset("0123456789")
# words of which the one asks for the opposite, or for the sibling, of the other
OPPOSITES = tuple(
    (terms(first), terms(second))
    for first, second in (
        (
            "open opens opening abre abren abrir apertura",
            "close closes closing shut cierra cierran cerrar cierre",
        ),
        (
            "start starts begin begins empieza comienza inicio",
            "end ends finish finishes termina acaba fin",
        ),
        ("arrive arrives arrival llega llegada", "leave leaves departure depart sale salida"),
        ("enter entry in entrar entrada", "exit out salir salida"),
        ("buy comprar compra", "sell vender venta"),
        ("add añadir alta", "remove delete cancel quitar borrar baja"),
        ("on enable activate activar encender", "off disable deactivate desactivar apagar"),
        ("minimum least mínimo", "maximum most máximo"),
        ("first primero primera", "last último última"),
        ("before antes", "after después"),
        ("reset restablecer", "restart reboot reiniciar"),
        ("name nombre", "password key contraseña clave"),
        ("monthly month mensual mes", "yearly annual year anual año"),
    )
)


def same_question(asked: str, earlier: str, likeness: float) -> bool:
    """Return whether a question asks what an earlier one asked.

    Args:
        likeness: the similarity of both, -1 to 1.
    """
    return (
        likeness >= ALIKE
        and _names_agree(names_of(asked), names_of(earlier))
        and _kinds_agree(asked_kinds(asked), asked_kinds(earlier))
        and not _opposed(terms(asked), terms(earlier))
    )


def _names_agree(asked: set[str], earlier: set[str]) -> bool:
    """Return whether neither question names what the other does not; a name in small letters counts as a word."""
    numbers = {name for name in asked ^ earlier if not NUMBER.isdisjoint(name)}
    return not numbers and (not asked or not earlier or asked == earlier)


def _kinds_agree(asked: tuple[str, ...], earlier: tuple[str, ...]) -> bool:
    return not asked or not earlier or not set(asked).isdisjoint(earlier)


def _opposed(asked: set[str], earlier: set[str]) -> bool:
    """Return whether one question has a word whose opposite the other has."""
    for first, second in OPPOSITES:
        sides = [
            (not words.isdisjoint(first), not words.isdisjoint(second))
            for words in (asked, earlier)
        ]
        if sides[0] != sides[1] and all(any(side) for side in sides):
            return True
    return False
