"""Invented files in the shapes of the published ones, small enough to check by hand."""

from ingest.published import airkorea_xls, prsa, quotsoft, seoul_tsv, stateair

QUOTSOFT = (
    "date,hour,type,1001A,1002A,1003A\n"
    "20190303,0,AQI,201,190,\n"
    "20190303,0,PM2.5,151,,0\n"
    "20190303,0,PM2.5_24h,196,179,190\n"
    "20190303,0,PM10,200,553405,-3\n"
    "20190303,0,CO,1.5,0.7,\n"
    "20190303,23,PM2.5,1200,35,36\n"
)
STATEAIR = (
    "Site,Parameter,Date (LT),Year,Month,Day,Hour,NowCast Conc.,AQI,AQI Category,Raw Conc.,Conc. Unit,"
    "Duration,QC Name\r\n"
    "Beijing,PM2.5 - Principal,2019-01-01 01:00 AM,2019,01,01,01,56.9,152,Unhealthy,57.0,UG/M3,1 Hr,Valid\r\n"
    "Beijing,PM2.5 - Principal,2019-01-01 02:00 AM,2019,01,01,02,-999,-999,N/A,-999.0,UG/M3,1 Hr,Missing\r\n"
    "Beijing,PM2.5 - Principal,2019-01-01 03:00 AM,2019,01,01,03,-999,-999,N/A,80.0,UG/M3,1 Hr,Invalid\r\n"
    "Beijing,PM2.5 - Principal,2019-01-02 12:00 AM,2019,01,02,00,9.0,38,Good,-4.0,UG/M3,1 Hr,Valid\r\n"
)
PRSA = (
    '"No","year","month","day","hour","PM2.5","PM10","SO2","NO2","CO","O3","TEMP","PRES","DEWP","RAIN","wd",'
    '"WSPM","station"\n'
    '1,2013,3,1,0,4,NA,4,7,300,77,-0.7,1023,-18.8,0.5,"NNW",4.4,"Tiantan"\n'
)
SEOUL = "2017-01-01 0:00\t102\t0.006\t0.068\t1.3\t0.002\t77\t63\n2017-01-01 0:00\t125\t-1\t0\t-1\t-1\t0\t-1\n"

TEXTS = {
    "china_sites_20190303.csv": (quotsoft.read, QUOTSOFT),
    "Beijing_PM2.5_2019_YTD.csv": (stateair.read, STATEAIR),
    "PRSA_Data_Tiantan.csv": (prsa.read, PRSA),
    "seoul.tsv": (seoul_tsv.read, SEOUL),
}
READERS = {name: read for name, (read, _) in TEXTS.items()} | {"airkorea_20221202.xls": airkorea_xls.read}


def found(table) -> dict[tuple[str, str, str], tuple[float, int]]:
    """Return (station, quantity, hour): (value, flag) of a table."""
    times = table.time.view("M8[ns]").astype("M8[h]").astype(str)
    columns = zip(table.station, table.quantity, times, table.value, table.qc, strict=True)
    return {(table.stations[s], table.quantities[q], t): (float(v), int(f)) for s, q, t, v, f in columns}
