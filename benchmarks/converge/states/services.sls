# The services in Salt: one pkg state for all packages, the rest a service each.
{% import_json 'services.json' as declared %}

packages:
  pkg.installed:
    - pkgs:
{%- for service in declared.services %}
      - {{ service.name }}: {{ service.version }}
{%- endfor %}

{% for service in declared.services %}
{{ service.name }} account:
  user.present:
    - name: {{ service.name }}
    - system: True
    - usergroup: True
    - home: /var/lib/{{ service.name }}
    - createhome: False
    - shell: /usr/sbin/nologin

{% for directory in ('/etc/', '/var/log/') %}
{{ directory }}{{ service.name }}:
  file.directory:
    - user: root
    - group: {{ service.name }}
    - mode: '0770'
{% endfor %}

{% for target, source, mode in (
    ('/etc/' ~ service.name ~ '/default_config.ini', 'config.j2', '0640'),
    ('/etc/logrotate.d/' ~ service.name, 'logrotate.j2', '0644'),
    ('/etc/systemd/system/' ~ service.name ~ '.service', 'unit.j2', '0644'),
) %}
{{ target }}:
  file.managed:
    - source: salt://{{ source }}
    - template: jinja
    - context: {service: {{ service | json }}}
    - user: root
    - group: {{ service.name if mode == '0640' else 'root' }}
    - mode: '{{ mode }}'
{% endfor %}

{{ service.name }}.service:
  service.running:
    - enable: True
    - watch:
      - pkg: packages
      - file: /etc/{{ service.name }}/default_config.ini
      - file: /etc/systemd/system/{{ service.name }}.service
{% endfor %}
