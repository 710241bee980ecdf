"""Columns that may contain personal data or secrets: by their names and values. Pure.

In doubt a column counts as sensitive: then only its number of rows with a value is read.
"""

import re
import unicodedata
from collections.abc import Collection


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WORDS = _words("""
    mail tel fax cell handy mobil msisdn imei imsi ip ipv mac geo lat lon lng
    dob born bday yob age sex race caste blood marital spouse kin
    zip plz cep city town village county ort ville ciudad citta cidade stad miasto ulica calle rua rue
    tax vat ssn sin nin nino pin pan bsn cpf cnpj dni nie nif nir nss pesel curp rfc inn snils ahv nhs aadhaar tckn bic swift acct
    card cc cvv cvc salt hash pwd pass passwort pw otp totp mfa jwt auth bearer cookie login uname user usr nick alias handle initials
    note notes comment comments remark remarks message body subject bio signature photo avatar portrait plate vin
    twitter facebook linkedin instagram skype whatsapp telegram pay payroll
    nom prenom nome nombre naam imie jmeno soyad alter edad sexe sexo lohn sueldo adres haslo heslo sifre senha parol clave
    courriel correo posta poczta adresse dob anniversaire naissance nascita telefono telefone
    имя фамилия отчество фио почта телефон адрес пароль возраст пол инн снилс
""")
"""Whole words of a column name."""

PARTIES = _words("""
    by person people author owner assignee agent client customer contact recipient sender employee staff member guest
    patient doctor physician nurse student pupil teacher tutor driver seller buyer salesperson manager editor reviewer
    creator operator clerk representative rep lawyer witness tenant landlord donor beneficiary holder
    kunde kundin mitarbeiter bearbeiter ansprechpartner inhaber besitzer cliente client usuario utilisateur
""")
"""Words for people: such a column may contain a name, but not one with a word for a number."""
COUNTED = frozenset({"count", "counts", "total", "totals", "number", "num", "sum", "limit", "at"})

PARTS = _words("""
    mail name phone handyn insuranc telefon telephon mobile addr addres strasse street postal postcode zipcode birth geburt nacimiento nascimento urodzen
    iban passport passwd passwor passphrase passcode motdepasse mot_de_passe contrasen wachtwoord kennwort secret token credential
    apikey api_key private_key privatekey sessionid session_id session_key clientip remoteip userip sourceip
    gender geschlecht geslacht salary salaire salario income einkommen einkunft gehalt wage religion konfession health diagnos medical
    allerg pregnan disab ethnic nationalit staatsang citizen social licen fuehrerschein fingerprint biometr useragent user_agent
    account_number accountnumber account_no konto sort_code routing credit debit card_n cardn latitude longitude location wohnort woonplaats
    marital spouse nationalid national_id hometown cardtype card_t expmonth expyear exp_month exp_year sickleave sick_leave
    apellido cognome nachname nazwisko prijmeni sobrenome direccion indirizzo endereco domicil steuer codice_fiscale codicefiscale
    krankenkasse versicherungsn personnummer rodne familia otchestvo
    姓名 名前 氏名 电话 電話 手机 住所 地址 邮箱 密码 生日 身份证 이름 전화 주소
""")
"""Parts of a column name, in any position."""

SHAPES = re.compile(
    r"@|\b\d{1,3}(\.\d{1,3}){3}\b|(\d[ ()/.+-]{0,2}){7}|\b[A-Za-z]{2}\d{2}(\s?[A-Za-z0-9]{4}){3}|[0-9A-Fa-f]{16}|://"
)
"""Addresses, telephone and account numbers, tokens: no values of an enumeration."""
CALLED = re.compile(r"[^\W\d_][\w'\u2019.-]*")
"""A word of a person's name."""
PARTICLES = _words("af al bin da de dei del della den der di do dos du el la le ten ter van von zu")
"""Parts of a person's name without a capital letter."""
MOST_NAMES = 5
ORDINARY = _words("""
    a all and at by for in no not of off on or out past per the to under un with won't new old open closed active done due paid sent
    pending ready waiting partially review progress hold
""")
"""Words of states such as `In Progress`, which are in no person's name."""
WITHOUT_MARKS = str.maketrans("łøđıŁØĐ", "lodiLOD")
"""Letters that Unicode does not decompose into a letter and a mark."""


def looks_personal(column: str) -> bool:
    """Whether values of a column with this name are not read."""
    name = spelled(column)
    words = [word for word in re.split(r"[\W\d_]+", name) if word]
    if not WORDS.isdisjoint(words) or any(part in name for part in PARTS):
        return True
    return not PARTIES.isdisjoint(words) and words[-1] not in COUNTED


def spelled(column: str) -> str:
    """`userIP`, `DOBDate`, `prénom` and `Straße` as `user_ip`, `dob_date`, `prenom` and `strasse`."""
    bare = unicodedata.normalize("NFKD", column)
    bare = "".join(c for c in bare if not unicodedata.combining(c)).translate(WITHOUT_MARKS)
    bare = unicodedata.normalize("NFC", bare)
    bare = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", bare)
    return re.sub(r"[\s.-]+", "_", bare).casefold()


def look_like_persons(values: Collection[str], *, called: bool = True) -> bool:
    """Whether the few values of a column may be persons. `called`: two words may be a name (not so in a column
    named `type`).
    """
    return any(SHAPES.search(value) or (called and _is_called(value)) for value in values)


def _is_called(value: str) -> bool:
    """A first and a last name, each with a capital letter."""
    words = [word for word in re.split(r"[\s,]+", value) if word not in PARTICLES]
    return (
        2 <= len(words) <= MOST_NAMES  # noqa: PLR2004  # first and last
        and all(CALLED.fullmatch(word) and word[0].isupper() for word in words)
        and ORDINARY.isdisjoint(word.casefold() for word in words)
    )
