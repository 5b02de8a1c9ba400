"""The same goods in several languages: words of descriptions as concepts.

A row is one concept, English first, then German, French, Dutch, Italian,
Spanish and Polish words for it, folded. The list holds what factories and
offices buy most; a word it does not know stands for itself.
"""

from __future__ import annotations

from functools import lru_cache

_ROWS = """
    screw bolt schraube schrauben vis boulon schroef bout vite bullone tornillo perno sruba
    nut mutter muttern ecrou moer dado tuerca nakretka
    washer scheibe unterlegscheibe rondelle ring rondella arandela podkladka
    bearing lager kugellager waelzlager roulement kogellager cuscinetto rodamiento lozysko
    seal gasket dichtung dichtring joint afdichting guarnizione junta uszczelka
    filter filtre filtro filtereinsatz
    pump pumpe pompe pomp pompa bomba
    valve ventil vanne soupape klep valvola valvula zawor
    hose schlauch tuyau flexible slang tubo manguera waz
    pipe tube rohr rohre buis tubazione rura
    cable kabel leitung przewod cavo
    wire draht fil draad filo alambre drut
    motor engine moteur motore silnik
    gearbox getriebe reducteur tandwielkast riduttore reductor przekladnia
    shaft welle arbre as albero eje wal
    spring feder ressort veer molla muelle sprezyna
    flange flansch bride flens flangia brida kolnierz
    sheet plate blech tole plaat lamiera chapa blacha
    housing gehaeuse boitier carter behuizing alloggiamento carcasa obudowa
    handle griff poignee handgreep maniglia mango uchwyt
    glove gloves handschuh handschuhe gant gants handschoen guanto guanti guante rekawice
    helmet helm casque casco kask
    goggles glasses brille schutzbrille lunettes bril occhiali gafas okulary
    shoe shoes schuh schuhe sicherheitsschuhe chaussure chaussures schoenen scarpe zapatos buty
    paint varnish lack farbe peinture verf vernice pintura farba
    glue adhesive kleber klebstoff colle lijm colla pegamento klej
    oil oel huile olie olio aceite olej
    grease fett graisse vet grasso grasa smar
    film foil folie pellicola pelicula
    box carton karton kiste doos scatola caja pudelko
    pallet palette palettes pallets palet bancale paleta
    label labels etikett etiketten etiquette etiquettes etichetta etiqueta etykieta
    paper papier carta papel
    toner cartridge kartusche cartouche patroon cartuccia cartucho
    lamp light leuchte lampe lampada lampara lampa
    sensor capteur sensore czujnik
    relay relais rele przekaznik
    switch schalter interrupteur schakelaar interruttore interruptor wylacznik
    board platine leiterplatte circuit printplaat scheda placa plytka
    battery batterie akku accu batteria bateria akumulator
    fuse sicherung fusible zekering fusibile bezpiecznik
    drill bohrer foret boor punta broca wiertlo
    saw saege scie zaag sega sierra pila
    hammer marteau hamer martello martillo mlotek
    chair stuhl chaise stoel sedia silla krzeslo
    desk table tisch schreibtisch bureau tafel scrivania mesa biurko
    steel stahl acier staal acciaio acero stal
    stainless edelstahl inox inoxydable rvs inossidabile inoxidable nierdzewna
    copper kupfer cuivre koper rame cobre miedz
    rubber gummi caoutchouc gomma caucho guma
    wood holz bois hout legno madera drewno
    hexagon sechskant hexagonal zeskant esagonale szesciokatna
    work arbeit arbeits werk travail lavoro trabajo robocze
    size groesse gr maat taille taglia talla rozmiar
    black schwarz noir zwart nero negro czarny
    white weiss blanc wit bianco blanco bialy
    red rot rouge rood rosso rojo czerwony
    blue blau bleu blauw azul niebieski
    green gruen vert groen verde zielony
"""
_CONCEPTS = {word: row.split()[0] for row in _ROWS.strip().splitlines() for word in row.split()}
#: Germanic compounds end in what they are: a Sechskantschraube is a screw.
_HEADS = sorted((word for word in _CONCEPTS if len(word) >= 5), key=len, reverse=True)


@lru_cache(maxsize=65536)
def concepts(words: frozenset[str]) -> frozenset[str]:
    """Return the concepts of folded words; a compound stands for itself and for its parts."""
    found: set[str] = set()
    for word in words:
        known = _CONCEPTS.get(word)
        if known:
            found.add(known)
            continue
        head = next((h for h in _HEADS if len(word) > len(h) + 2 and word.endswith(h)), None)
        if head is None:
            found.add(word)
            continue
        found.add(_CONCEPTS[head])
        rest = word.removesuffix(head)
        found.add(_CONCEPTS.get(rest, rest))
    return frozenset(found)
