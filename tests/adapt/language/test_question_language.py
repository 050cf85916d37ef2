import pytest

from adapt.language.question_language import language_of_question


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("When does the office open?", "en"),
        ("How many empires disappeared after the war?", "en"),
        ("¿Cuándo abre la oficina?", "es"),
        ("cuando abre la oficina", "es"),
        ("¿En qué mes dimitió Kassar?", "es"),
        ("Wann öffnet das Büro?", "de"),
        ("Quand est-ce que le bureau ouvre ?", "fr"),
        ("Quando apre l'ufficio della banca?", "it"),
        ("Quando abre o escritório da empresa?", "pt"),
        ("Wanneer gaat het kantoor open?", "nl"),
        ("Kiedy otwiera się biuro?", "pl"),
        ("Bu ofis ne zaman hizmet verir?", "tr"),
        ("Где находится библиотека?", "ru"),
        ("متى يفتح المكتب؟", "ar"),
        ("사무실은 언제 여나요?", "ko"),
        ("オフィスは何時に開きますか", "ja"),
        ("办公室几点开门", "zh"),
        ("สำนักงานเปิดกี่โมง", "th"),
        ("ISO 9001", ""),
        ("BRCA1 penetrance", ""),
        ("", ""),
    ],
)
def test_a_question_is_told_by_its_script_or_its_small_words(question: str, language: str) -> None:
    assert language_of_question(question) == language
